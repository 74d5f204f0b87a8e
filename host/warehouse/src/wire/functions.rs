//! Functions of PostgreSQL's that clients call when they connect, and that tell of the server
//! (<https://www.postgresql.org/docs/16/functions-info.html>). None of them reads anything of the machine.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int32Array, ListArray, StringArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Fields};
use deltalake_core::datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use deltalake_core::datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use deltalake_core::datafusion::prelude::SessionContext;

use super::settings::{Metadata, told};
use super::words::{NOTHING, RELATION};

/// The version of PostgreSQL whose protocol and catalog this is; clients go by it.
pub const VERSION: &str = "16.6";

/// Has a context know them, for whoever is called so and has made such settings.
pub fn register(context: &SessionContext, user: &str, settings: Settings) {
    let version = format!("PostgreSQL {VERSION} (Wasmill {} on DataFusion)", env!("CARGO_PKG_VERSION"));
    let text = |text: &str| ScalarValue::Utf8(Some(text.to_owned()));
    let nothing = ScalarValue::Utf8(None);
    for (names, value) in [
        (&["version"][..], text(&version)),
        (&["current_user", "session_user", "current_role", "user"], text(user)),
        (&["pg_is_in_recovery", "pg_is_wal_replay_paused"], ScalarValue::from(false)),
        (
            &[
                "pg_type_is_visible",
                "pg_function_is_visible",
                "pg_operator_is_visible",
                "pg_conversion_is_visible",
                "pg_collation_is_visible",
                "pg_opclass_is_visible",
                "pg_opfamily_is_visible",
                "pg_statistics_obj_is_visible",
                "pg_ts_config_is_visible",
                "pg_ts_dict_is_visible",
                "pg_ts_parser_is_visible",
                "pg_ts_template_is_visible",
            ],
            ScalarValue::from(true),
        ),
        // Nothing is described, and nothing is locked.
        (&["obj_description", "pg_get_indexdef"], nothing.clone()),
        (
            &["pg_get_function_result", "pg_get_function_arguments", "pg_get_serial_sequence", "pg_get_triggerdef"],
            nothing.clone(),
        ),
        (&["to_regtype", "to_regclass", "to_regnamespace", "set_config", "json_build_object"], nothing.clone()),
        (&["pg_my_temp_schema", "pg_char_to_encoding"], ScalarValue::from(0_i64)),
        (&["pg_table_size", "pg_database_size", "pg_indexes_size"], ScalarValue::Int64(None)),
        (&["pg_size_pretty", "pg_advisory_unlock_all", "pg_tablespace_location"], text("")),
        (&["getdatabaseencoding"], text("UTF8")),
        // A view's query may name what whoever asks may not see.
        (&["pg_get_viewdef"], text("")),
        (&[NOTHING], nothing),
    ] {
        for name in names {
            let function = Told { name: (*name).to_owned(), value: value.clone(), signature: any() };
            context.register_udf(ScalarUDF::new_from_impl(function));
        }
    }
    context.register_udf(ScalarUDF::new_from_impl(Setting { signature: any(), settings }));
    context.register_udf(ScalarUDF::new_from_impl(ExpandArray { signature: any() }));
    context.register_udf(ScalarUDF::new_from_impl(Relation { signature: Signature::any(2, Volatility::Stable) }));
}

fn any() -> Signature {
    Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], Volatility::Stable)
}

/// A function that always tells the same.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Told {
    name: String,
    value: ScalarValue,
    signature: Signature,
}

impl ScalarUDFImpl for Told {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.value.data_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}

/// The number of a table, which is the second argument, unless it is null.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Relation {
    signature: Signature,
}

impl ScalarUDFImpl for Relation {
    fn name(&self) -> &str {
        RELATION
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.get(1).cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [name, number] = arguments.args.as_slice() else { return exec_err!("{RELATION} has two arguments") };
        let is_none = match number {
            ColumnarValue::Scalar(number) => number.is_null(),
            ColumnarValue::Array(numbers) => numbers.null_count() > 0,
        };
        let ColumnarValue::Scalar(ScalarValue::Utf8(Some(name))) = name else { return Ok(number.clone()) };
        if is_none { plan_err!("table '{name}' not found") } else { Ok(number.clone()) }
    }
}

/// The settings of a connection, as they are when a statement comes.
pub type Settings = Arc<RwLock<Metadata>>;

/// `current_setting(name, missing_ok)`.
#[derive(Debug)]
struct Setting {
    signature: Signature,
    settings: Settings,
}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.settings, &other.settings)
    }
}

impl Eq for Setting {}

impl Hash for Setting {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.settings).hash(state);
    }
}

impl ScalarUDFImpl for Setting {
    fn name(&self) -> &str {
        "current_setting"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let missing_is_ok = match arguments.args.get(1) {
            Some(ColumnarValue::Scalar(ScalarValue::Boolean(is_ok))) => is_ok.unwrap_or(false),
            _ => false,
        };
        let Some(names) = arguments.args.first() else { return exec_err!("current_setting needs a name") };
        let names = cast(&names.to_array(arguments.number_rows)?, &DataType::Utf8)?;
        let Some(names) = names.as_any().downcast_ref::<StringArray>() else {
            return exec_err!("current_setting needs the name of a setting");
        };
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        let mut values = Vec::with_capacity(names.len());
        for name in names {
            let known = name.and_then(|name| told(&settings, name)).map(|(_, value)| value);
            if known.is_none() && !missing_is_ok {
                return exec_err!("unrecognized configuration parameter \"{}\"", name.unwrap_or_default());
            }
            values.push(known);
        }
        let values: ArrayRef = Arc::new(StringArray::from(values));
        Ok(ColumnarValue::Array(values))
    }
}

/// `information_schema._pg_expandarray(list)`: the items and their places, as a list of records.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ExpandArray {
    signature: Signature,
}

impl ExpandArray {
    fn record(list: &DataType) -> Result<Fields> {
        let (DataType::List(item) | DataType::LargeList(item)) = list else {
            return plan_err!("_pg_expandarray needs a list, not {list}");
        };
        Ok(Fields::from(vec![Field::new("x", item.data_type().clone(), true), Field::new("n", DataType::Int32, false)]))
    }
}

impl ScalarUDFImpl for ExpandArray {
    fn name(&self) -> &str {
        "pg_expandarray"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [list] = types else { return plan_err!("_pg_expandarray needs a list") };
        Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Struct(Self::record(list)?), true))))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [list] = arguments.args.as_slice() else { return exec_err!("_pg_expandarray needs a list") };
        let list = list.to_array(arguments.number_rows)?;
        let list = list.as_list_opt::<i32>().ok_or_else(|| exec_datafusion_err!("_pg_expandarray needs a list"))?;
        let record = Self::record(list.data_type())?;
        let places: Int32Array = list.offsets().lengths().flat_map(|length| (1..).take(length)).collect();
        let (first, last) = (list.value_offsets().first().copied(), list.value_offsets().last().copied());
        let (first, last) = (first.unwrap_or_default() as usize, last.unwrap_or_default() as usize);
        let items = StructArray::try_new(
            record.clone(),
            vec![list.values().slice(first, last - first), Arc::new(places)],
            None,
        )?;
        let field = Arc::new(Field::new_list_field(DataType::Struct(record), true));
        let offsets = OffsetBuffer::from_lengths(list.offsets().lengths());
        let expanded = ListArray::try_new(field, offsets, Arc::new(items), list.nulls().cloned())?;
        Ok(ColumnarValue::Array(Arc::new(expanded)))
    }
}
