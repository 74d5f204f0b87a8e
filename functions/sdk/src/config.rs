//! Configurations: JSON in the function's own type.

use serde::de::DeserializeOwned;

/// Reads a configuration. An error names the key that it is about: `` `columns[2].type`: unknown variant … ``.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|err| {
        let path = err.path().to_string();
        let reason = err.into_inner().to_string();
        // The position is one in JSON that nobody wrote.
        let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
        if path == "." { reason.to_owned() } else { format!("`{path}`: {reason}") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by Debug")]
    struct Config {
        columns: Vec<u8>,
    }

    #[test]
    fn an_error_names_the_key_and_what_is_known() {
        assert_eq!(
            parse::<Config>(r#"{"columns": [1, "x"]}"#).unwrap_err(),
            "`columns[1]`: invalid type: string \"x\", expected u8"
        );
        assert_eq!(
            parse::<Config>(r#"{"colums": []}"#).unwrap_err(),
            "`colums`: unknown field `colums`, expected `columns`"
        );
        assert_eq!(parse::<Config>("{}").unwrap_err(), "missing field `columns`");
    }
}
