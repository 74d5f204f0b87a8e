//! The component `settings-env`: settings from the environment, those that it was told of when it was composed.

#[cfg(target_family = "wasm")]
mod wasm {
    use std::cell::RefCell;

    use exports::wasmill::pipeline::{part, settings};
    use serde::Deserialize;
    use wasi::cli::environment::get_environment;

    wit_bindgen::generate!({ world: "settings-from-environment", path: "../../../wit", generate_all });

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
            // Asked each time: what was there when the component was made is not what is there now.
            get_environment().into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
        }
    }
}
