//! What the macros share: one function in a component, from `configure` on.

/// Where a component keeps its function. A type of the component's own crate implements it, so that the
/// function may come from any crate.
pub trait Slot: 'static {
    /// The function's type.
    type Function;
    /// Puts the function there.
    fn fill(function: Self::Function);
    /// Calls `call` with the function; an error before `configure`.
    fn with<R>(call: impl FnOnce(&mut Self::Function) -> R) -> Result<R, String>;
}

/// Room for what a call allocates, in bytes. A baked function starts with it, so that its memory need not grow, which
/// costs far more than a call on a few rows.
const ROOM: usize = 1 << 20;

/// Ends a function's set-up: what its memory is now is what is baked.
pub fn set_up() {
    #[cfg(target_family = "wasm")]
    crate::allocator::set_up();
    // Freed memory stays with the allocator. It is never written to, so what is baked grows by the allocator's notes only.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(ROOM)));
}

/// Makes a component of a function: its slot and its exports. Natively it makes nothing, so that the same
/// crate is an ordinary library for tests.
#[doc(hidden)]
#[macro_export]
macro_rules! component {
    ($function:ty, $kind:ident, $export:ident) => {
        // Natively nothing else may use the type, and a type that nothing uses is a warning.
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> ::std::any::TypeId = ::std::any::TypeId::of::<$function>;

        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static FUNCTION: ::std::cell::RefCell<::std::option::Option<$function>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            struct Slot;

            impl $crate::component::Slot for Slot {
                type Function = $function;

                fn fill(function: $function) {
                    FUNCTION.set(::std::option::Option::Some(function));
                }

                fn with<R>(
                    call: impl ::std::ops::FnOnce(&mut $function) -> R,
                ) -> ::std::result::Result<R, ::std::string::String> {
                    FUNCTION
                        .with_borrow_mut(|slot| slot.as_mut().map(call))
                        .ok_or_else(|| "called before `configure`".to_owned())
                }
            }

            type Component = $crate::$kind::adapter::Component<Slot>;
    $crate::bindings::$kind::$export!(Component with_types_in $crate::bindings::$kind);
        };
    };
}
