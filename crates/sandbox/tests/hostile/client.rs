//! HTTP as bytes, so that nothing well-meaning stands between the test and the sandbox.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::request::Request;

/// Longer than this, and the sandbox hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) media_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Sends requests in one go over one connection and answers what came back, in order.
///
/// # Errors
/// The answers that came, and what went wrong then.
pub(crate) async fn exchange(
    stream: &mut TcpStream,
    requests: &[Request],
) -> Result<Vec<Answer>, (Vec<Answer>, String)> {
    let mut bytes = Vec::new();
    for request in requests {
        bytes.extend_from_slice(&request.bytes());
    }
    let (mut reader, mut writer) = stream.split();
    let mut answers = Vec::with_capacity(requests.len());
    let read = async {
        let mut received = Vec::with_capacity(64 * 1024);
        let mut start = 0;
        while let Some(request) = requests.get(answers.len()) {
            let bodiless = request.method == "HEAD";
            if let Some((answer, length)) = parse(&received[start..], bodiless)? {
                start += length;
                // An interim answer announces the one that counts.
                if answer.status >= 200 {
                    answers.push(answer);
                }
                continue;
            }
            match timeout(PATIENCE, reader.read_buf(&mut received)).await {
                Err(_) => return Err(format!("no answer within {PATIENCE:?}")),
                Ok(Err(error)) => return Err(format!("the connection broke: {error}")),
                Ok(Ok(0)) => return Err("the connection was closed".to_owned()),
                Ok(Ok(_)) => {}
            }
        }
        if received.len() > start {
            Err("there is more than was asked for".to_owned())
        } else {
            Ok(())
        }
    };
    // Both at once: a server that is writing may not read on.
    let (written, read) = tokio::join!(writer.write_all(&bytes), read);
    match (read, written) {
        (Ok(()), Ok(())) => Ok(answers),
        (Err(reason), _) => Err((answers, reason)),
        (Ok(()), Err(error)) => Err((answers, format!("the connection broke: {error}"))),
    }
}

/// Sends bytes over a connection of their own, says that they are all, and answers what came back before its end.
///
/// # Errors
/// If the connection does not end.
pub(crate) async fn throw(address: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(|error| error.to_string())?;
    let (mut reader, mut writer) = stream.split();
    let mut received = Vec::new();
    let write = async {
        // The other side may have had enough before the end.
        let _ = writer.write_all(bytes).await;
        let _ = writer.shutdown().await;
    };
    // A reset is an end as well.
    let read = timeout(PATIENCE, reader.read_to_end(&mut received));
    let (_, read) = tokio::join!(write, read);
    match read {
        Err(_) => Err(format!("the connection did not end within {PATIENCE:?}")),
        Ok(_) => Ok(received),
    }
}

/// The statuses of the answers in some bytes, as far as there are whole ones.
pub(crate) fn statuses(mut bytes: &[u8]) -> Result<Vec<u16>, String> {
    let mut statuses = Vec::new();
    while let Some((answer, length)) = parse(bytes, false)? {
        statuses.push(answer.status);
        bytes = &bytes[length..];
    }
    Ok(statuses)
}

/// The first answer in some bytes and its length, if it is whole.
fn parse(bytes: &[u8], bodiless: bool) -> Result<Option<(Answer, usize)>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end])
        .map_err(|error| format!("the head is no text: {error}"))?;
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| line.strip_prefix("HTTP/1.0 "));
    let status: u16 = status
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| format!("no status line: {line}"))?;
    let (mut length, mut media_type) = (0, None);
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("no header: {line}"))?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value
                .trim()
                .parse()
                .map_err(|_| format!("no length: {line}"))?;
        } else if name.eq_ignore_ascii_case("content-type") {
            media_type = value.split(';').next().map(|value| value.trim().to_owned());
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(format!("the length is not announced: {line}"));
        }
    }
    if bodiless || status < 200 || status == 204 || status == 304 {
        length = 0;
    }
    let start = end + 4;
    let Some(body) = bytes.get(start..start + length) else {
        return Ok(None);
    };
    let body = body.to_vec();
    Ok(Some((
        Answer {
            status,
            media_type,
            body,
        },
        start + length,
    )))
}
