//! The page of reports, which stands beside the functions.

use std::path::Path;

use anyhow::{Context, Result};

use crate::session;

/// The page's file, in the folder of the bundled functions.
const FILE: &str = "reports.html";

/// Where data go.
#[cfg(feature = "warehouse")]
const PLACE: &str = "<!--wasmill-report-->";

/// The page, as one file of HTML.
pub fn read(components: Option<&Path>) -> Result<String> {
    let file = session::components(components)?.join(FILE);
    std::fs::read_to_string(&file).with_context(|| {
        format!("cannot read `{}`: the page of reports\nhint: `make build FEATURES=warehouse` makes it", file.display())
    })
}

/// The page with data in it, which is JSON, so that it asks no server.
#[cfg(feature = "warehouse")]
pub fn with_data(page: &str, json: &str) -> Result<String> {
    let (head, rest) = page.split_once(PLACE).context("the page of reports has no place for data")?;
    // Within a script nothing may end it, or begin a comment (HTML, 4.12.1.3).
    let json = json.replace('<', "\\u003c");
    Ok(format!("{head}<script type=\"application/json\" id=\"wasmill-report\">{json}</script>{rest}"))
}

#[cfg(all(test, feature = "warehouse"))]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_end_the_script_that_it_is_in() {
        let page = with_data("<html><head><!--wasmill-report--></head></html>", r#"{"a":"</script><script>alert(1)"}"#)
            .unwrap();
        assert_eq!(page.matches("</script>").count(), 1);
        assert!(page.contains(r#"{"a":"\u003c/script>\u003cscript>alert(1)"}"#));
    }
}
