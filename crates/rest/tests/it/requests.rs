//! What goes out, operation by operation, against the files in `tests/requests/`.

use std::{env, fs, path::Path};

use openfinance_rest::{Failure, OPERATIONS, Operation};

use crate::{
    operations::{call, perform},
    server::Server,
};

#[tokio::test]
async fn every_request_is_the_one_on_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requests");
    let accept = env::var_os("ACCEPT_REQUESTS").is_some();
    let mut differing = Vec::new();
    for Operation {
        id, method, path, ..
    } in OPERATIONS
    {
        let server = Server::answering(418, &[], b"");
        let outcome = perform(id, &call(id), &server.base_url).await;
        assert!(
            matches!(outcome, Err(Failure::Refused(_))),
            "{id}: {outcome:?}"
        );
        let [sent] = server.received().try_into().expect("one request");
        let sent = presentable(&sent, &server.base_url);
        assert!(
            sent.starts_with(&format!("{method} {}", path.split('{').next().unwrap())),
            "{id}: {sent}"
        );

        let file = folder.join(format!("{id}.http"));
        if accept {
            fs::write(&file, &sent).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != sent {
            differing.push(format!("{}: now\n{sent}", file.display()));
        }
    }
    assert!(
        differing.is_empty(),
        "requests differ from those on file. If that is meant, run the test with ACCEPT_REQUESTS=1 and review the \
         difference.\n{}",
        differing.join("\n")
    );
    let files = fs::read_dir(&folder).unwrap().count();
    assert_eq!(
        files,
        OPERATIONS.len(),
        "{} has files of no operation: remove them",
        folder.display()
    );
}

/// A request without what differs between runs and releases, its headers sorted.
fn presentable(request: &str, base_url: &str) -> String {
    let request = request
        .replace(base_url.strip_prefix("http://").unwrap(), "{host}")
        .replace(env!("CARGO_PKG_VERSION"), "{version}");
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    let mut headers: Vec<&str> = headers.lines().collect();
    headers.sort_unstable();
    format!("{line}\n{}\n\n{body}\n", headers.join("\n"))
}
