//! The page for people at `/__sandbox/`: a few files that the browser asks for, all of them in the program.
//!
//! The page speaks to the control plane as any client does and knows nothing that it does not answer. It loads nothing
//! from elsewhere and its policy forbids it to: records hold what strangers wrote.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
};

use crate::{answer::Answer, operation::Operation};

const HOME: &str = "/__sandbox/";
/// Stands in the page where the operations are to be chosen from.
const OPERATIONS: &str = "<!-- operations -->";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Nothing but what this sandbox serves beside the page, nothing inline, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files beside the page: name, content type, text.
const FILES: [(&str, &str, &str); 8] = [
    ("page.css", CSS, include_str!("page/page.css")),
    ("icon.svg", SVG, include_str!("page/icon.svg")),
    ("page.js", SCRIPT, include_str!("page/page.js")),
    ("dom.js", SCRIPT, include_str!("page/dom.js")),
    ("records.js", SCRIPT, include_str!("page/records.js")),
    ("faults.js", SCRIPT, include_str!("page/faults.js")),
    ("rule.js", SCRIPT, include_str!("page/rule.js")),
    ("barriers.js", SCRIPT, include_str!("page/barriers.js")),
];

static INDEX: LazyLock<Bytes> = LazyLock::new(|| {
    let operations: String = Operation::all()
        .map(|operation| format!("<option>{operation}</option>"))
        .collect();
    include_str!("page/index.html")
        .replace(OPERATIONS, &operations)
        .into()
});

/// The page or one of its files; `None` for any other path and for methods that do not read.
pub(crate) fn answer(method: &Method, path: &str) -> Option<Answer> {
    if method != Method::GET && method != Method::HEAD {
        return None;
    }
    // Without the slash at the end the page would look for its files one level too high.
    if path == HOME.trim_end_matches('/') {
        let mut answer = Answer::empty(StatusCode::PERMANENT_REDIRECT);
        answer.headers = vec![(LOCATION, HeaderValue::from_static(HOME))];
        return Some(answer);
    }
    let name = path.strip_prefix(HOME)?;
    let (content_type, body) = if name.is_empty() {
        (HTML, INDEX.clone())
    } else {
        let (_, content_type, text) = FILES.iter().find(|(file, _, _)| *file == name)?;
        (*content_type, Bytes::from_static(text.as_bytes()))
    };
    let mut answer = Answer::empty(StatusCode::OK);
    answer.content_type = Some(HeaderValue::from_static(content_type));
    answer.headers = headers();
    answer.body = body;
    Some(answer)
}

fn headers() -> Vec<(HeaderName, HeaderValue)> {
    [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The next version of the sandbox may listen at the same address.
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
    ]
    .into_iter()
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> String {
        let answer = answer(&Method::GET, path).unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    #[test]
    fn the_page_offers_every_operation_wherever_one_is_chosen() {
        let page = text(HOME);
        assert!(!page.contains(OPERATIONS));
        let selects = include_str!("page/index.html").matches(OPERATIONS).count();
        assert_eq!(selects, 3);
        for operation in Operation::all() {
            let option = format!("<option>{operation}</option>");
            assert_eq!(page.matches(&option).count(), selects, "{operation}");
        }
    }

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        let page = text(HOME);
        for forbidden in ["style=", " onclick", "<style", "javascript:", "<script>"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        for (name, _, text) in FILES.iter().chain(&[("index.html", HTML, page.as_str())]) {
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for forbidden in ["://", "innerHTML", "insertAdjacentHTML", "eval("] {
                assert!(!text.contains(forbidden), "{forbidden} in {name}");
            }
        }
    }

    #[test]
    fn every_file_that_is_named_is_served() {
        let names = FILES.iter().map(|(name, _, _)| *name);
        for name in names {
            text(&format!("{HOME}{name}"));
            let named = FILES
                .iter()
                .map(|(_, _, text)| *text)
                .chain([include_str!("page/index.html")])
                .any(|text| text.contains(&format!("{name}\"")));
            assert!(named, "{name} is served for nobody");
        }
        let scripts = FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT);
        for (script, _, text) in scripts {
            let imports = text.split(" from \"./").skip(1);
            for import in imports.filter_map(|rest| rest.split('"').next()) {
                let served = FILES.iter().any(|(name, _, _)| *name == import);
                assert!(served, "{script} imports {import}, which is not served");
            }
        }
    }

    #[test]
    fn other_paths_and_methods_are_not_the_pages() {
        for path in [
            "",
            "/",
            "/__sandbox/page",
            "/__sandbox/PAGE.JS",
            "/__sandbox//",
            "state",
        ] {
            assert!(answer(&Method::GET, path).is_none(), "{path}");
        }
        assert!(answer(&Method::POST, HOME).is_none());
        assert!(answer(&Method::HEAD, HOME).is_some());
    }
}
