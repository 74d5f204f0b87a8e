//! Reading an instance's memories and globals, the way wizer's instrumentation lays them open.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::component::{Instance, Lift, WasmList};
use wasmtime::{Result, format_err};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

use crate::sandbox::Sandbox;

/// The component with the state that `instance` has now.
pub fn snapshot(
    wizer: &Wizer,
    parsed: &ComponentContext<'_>,
    sandbox: &mut Sandbox,
    instance: Instance,
) -> Result<Vec<u8>> {
    // Each look at a memory grows it by a page, which must not fail.
    sandbox.lift_memory_limit();
    let mut access = Access { sandbox, instance, error: None };
    let component = {
        let snapshot = pin!(wizer.snapshot_component(parsed, &mut access));
        // Nothing in it waits.
        match snapshot.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(component) => component,
            Poll::Pending => Err(format_err!("wizer waits for something")),
        }
    };
    match access.error {
        Some(err) => Err(err),
        None => component,
    }
}

/// An instance of an instrumented component.
struct Access<'a> {
    sandbox: &'a mut Sandbox,
    instance: Instance,
    /// What went wrong first; wizer's trait has no place for it.
    error: Option<wasmtime::Error>,
}

impl Access<'_> {
    fn call<R: Lift + 'static>(&mut self, instance: &str, func: &str) -> Result<R> {
        let store = &mut self.sandbox.store;
        let missing = || format_err!("there is no `{instance}` with `{func}`");
        let (_, exports) = self.instance.get_export(&mut *store, None, instance).ok_or_else(missing)?;
        let (_, found) = self.instance.get_export(&mut *store, Some(&exports), func).ok_or_else(missing)?;
        let found = self.instance.get_typed_func::<(), (R,)>(&mut *store, found)?;
        store.set_epoch_deadline(u64::MAX / 2);
        Ok(found.call(&mut *store, ())?.0)
    }

    fn value<R: Lift + Default + 'static>(&mut self, instance: &str, func: &str) -> R {
        self.call(instance, func).unwrap_or_else(|err| {
            self.error.get_or_insert(err);
            R::default()
        })
    }
}

impl ComponentInstanceState for Access<'_> {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        match self.call::<WasmList<u8>>(instance, func) {
            Ok(list) => contents(list.as_le_slice(&self.sandbox.store)),
            Err(err) => {
                self.error.get_or_insert(err);
                contents(&[]);
            }
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.value(instance, func)
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.value(instance, func)
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.value::<f32>(instance, func).to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.value::<f64>(instance, func).to_bits()
    }
}
