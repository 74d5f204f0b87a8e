//! The component `settings-spin`: settings from Spin's variables, those that it was told of when it was composed. Spin's
//! variables have names in lower case: `COSMOS_KEY` is `cosmos_key` there.

#[cfg(target_family = "wasm")]
mod wasm {
    use std::cell::RefCell;

    use exports::wasmill::pipeline::{part, settings};
    use fermyon::spin::variables;
    use serde::Deserialize;

    wit_bindgen::generate!({ world: "settings-from-spin", path: "../../../wit", generate_all });

    struct Settings;

    export!(Settings);

    /// What it is told.
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        /// The names that are answered.
        granted: Vec<String>,
    }

    thread_local! {
        static CONFIG: RefCell<Config> = RefCell::default();
    }

    impl part::Guest for Settings {
        fn configure(config: String) -> Result<(), String> {
            CONFIG.set(wasmill_sdk::config::parse(&config)?);
            wasmill_sdk::component::set_up();
            Ok(())
        }
    }

    impl settings::Guest for Settings {
        fn get(name: String) -> Option<String> {
            if !CONFIG.with_borrow(|config| config.granted.contains(&name)) {
                return None;
            }
            match variables::get(&name.to_ascii_lowercase()) {
                Ok(value) => Some(value),
                Err(variables::Error::Undefined(_) | variables::Error::InvalidName(_)) => None,
                // Whoever asked says that it is missing; why is for whoever runs it.
                Err(variables::Error::Provider(message) | variables::Error::Other(message)) => {
                    eprintln!("the variable `{}`: {message}", name.to_ascii_lowercase());
                    None
                }
            }
        }
    }
}
