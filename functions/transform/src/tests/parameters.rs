//! Values in the place of `$NAME`.

use super::*;
use crate::parameters::Scalar;

fn with(sql: &str, parameters: &[(&str, Scalar)]) -> Config {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Config { parameters, ..config(sql) }
}

#[test]
fn a_parameter_is_a_literal_of_its_type() {
    for (value, expect) in [
        (Scalar::Integer(15), "15|Int64"),
        (Scalar::Integer(-15), "-15|Int64"),
        (Scalar::Integer(i64::MIN), "-9223372036854775808|Int64"),
        (Scalar::Float(2.0), "2.0|Float64"),
        (Scalar::Float(-1.5e300), "-1.5e300|Float64"),
        (Scalar::Boolean(true), "true|Boolean"),
        (Scalar::String("it's; DROP TABLE input --".into()), "it's; DROP TABLE input --|Utf8"),
    ] {
        let output = run(with("SELECT $p AS p, arrow_typeof($p) AS t FROM input WHERE delay = 11", &[("p", value)]));
        assert_eq!(lines(&output.batch), [format!("{expect}|2")]);
    }
}

#[test]
fn rules_and_routes_have_parameters_too() {
    let mut config = with("SELECT delay - $less AS delay FROM input", &[("less", Scalar::Integer(1))]);
    config.rules = vec![rule("known", "delay IS NOT NULL AND $less = 1", Side::Input)];
    config.routes = vec![route("late", "delay > 10 * $less")];
    let output = run(config);
    assert_eq!(lines(&output.batch), ["10|2", "19|3", "-19|7"]);
    assert_eq!(lines(output.routes.as_ref().unwrap()), ["false", "true", "false"]);
}

#[test]
fn a_parameter_that_is_not_there_is_said_with_those_that_are() {
    let refused = |config| bound(config).err().unwrap();
    assert_eq!(
        refused(with("SELECT * FROM input WHERE delay > $most", &[("least", Scalar::Integer(1))])),
        "there is no parameter `$most`\nhint: the parameters are `$least`; add `parameters = { most = … }`"
    );
    let mut config = config("SELECT * FROM input");
    config.routes = vec![route("late", "delay > $1")];
    assert_eq!(
        refused(config),
        "route `late`: there is no parameter `$1`\nhint: the parameters are none; add `parameters = { 1 = … }`"
    );
}
