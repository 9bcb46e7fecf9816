//! Which pages in browsers may call.

/// The pages that may call by gRPC-Web. Programs that are no browsers send no origin, and may call by it as they may by
/// gRPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Web {
    /// The origins of these pages, such as `https://support.example.com`, `grpc.web_origins`. They are compared letter by
    /// letter, and nothing stands for all of them. Without any, no page may call.
    pub origins: Vec<String>,
}

impl Web {
    /// As one text, as the setting takes it.
    pub(super) fn show(&self) -> String {
        self.origins.join(",")
    }
}
