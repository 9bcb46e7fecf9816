//! Calls of methods that are known by name only: the descriptors say what their messages look like.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use anyhow::{Context as _, Result};
use openfinance_client::Connection;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Value, json};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{KeyAndValueRef, MetadataMap},
};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(openfinance_rpc::FILE_DESCRIPTOR_SET)
        .unwrap_or_else(|error| panic!("{error}"))
});

/// What a call came to, in JSON.
pub(crate) struct Answer {
    pub(crate) messages: Vec<Value>,
    pub(crate) headers: BTreeMap<String, String>,
}

/// Makes the call of a row.
pub(crate) async fn call(
    connection: Connection,
    row: &Value,
    timeout: Duration,
) -> Result<Result<Answer, Status>> {
    let path = row["method"].as_str().context("a row has a method")?;
    let (service, name) = path.split_once('/').context("a method has a service")?;
    let service = POOL
        .get_service_by_name(service)
        .with_context(|| format!("no {service}"))?;
    let method = service.methods().find(|method| method.name() == name);
    let method = method.with_context(|| format!("no {path}"))?;
    let message = row.get("request").cloned().unwrap_or_else(|| json!({}));
    let mut request = Request::new(DynamicMessage::deserialize(method.input(), message)?);
    request.set_timeout(timeout);
    for (name, value) in row["metadata"].as_object().into_iter().flatten() {
        let name: tonic::metadata::AsciiMetadataKey = name.parse()?;
        let value = value.as_str().unwrap_or_default().parse()?;
        request.metadata_mut().insert(name, value);
    }
    let mut client = Grpc::new(connection);
    client
        .ready()
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let path = format!("/{path}").parse()?;
    let codec = Dynamic(method.output());
    let answer = if method.is_server_streaming() {
        stream(client.server_streaming(request, path, codec).await).await
    } else {
        let answer = client.unary(request, path, codec).await;
        answer.map(|answer| (headers(answer.metadata()), vec![answer.into_inner()]))
    };
    let (headers, messages) = match answer {
        Ok(answer) => answer,
        Err(status) => return Ok(Err(status)),
    };
    let messages = messages.into_iter().map(serde_json::to_value);
    let messages = messages.collect::<Result<_, _>>()?;
    Ok(Ok(Answer { messages, headers }))
}

async fn stream(
    answer: Result<tonic::Response<tonic::Streaming<DynamicMessage>>, Status>,
) -> Result<(BTreeMap<String, String>, Vec<DynamicMessage>), Status> {
    let answer = answer?;
    let headers = headers(answer.metadata());
    let (mut stream, mut messages) = (answer.into_inner(), Vec::new());
    while let Some(message) = stream.message().await? {
        messages.push(message);
    }
    Ok((headers, messages))
}

fn headers(metadata: &MetadataMap) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for entry in metadata.iter() {
        if let KeyAndValueRef::Ascii(name, value) = entry {
            let value = value.to_str().unwrap_or_default();
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|all| *all = format!("{all},{value}"))
                .or_insert_with(|| value.to_owned());
        }
    }
    headers
}

/// Messages whose answers have this type.
struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(self.0.clone())
    }

    fn decoder(&mut self) -> Self {
        Self(self.0.clone())
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let message = DynamicMessage::decode(self.0.clone(), buffer);
        message
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}
