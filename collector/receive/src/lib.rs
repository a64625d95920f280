//! The door for telemetry: OTLP over gRPC and over HTTP, admission, and the answer to the sender.
//!
//! Modules in the order a request passes them. It knows HTTP, compression and the store's `append`;
//! it refuses to know who a token belongs to (the caller's [`Sender`] is put into the request's
//! extensions before it arrives here), what an attribute means (`decode` does), and where rows rest.
//!
//! Invariant: a success is answered only after [`engine::Engine::append`] has returned, which is
//! after fsync; and whatever is refused is refused visibly, with a code that tells the sender
//! whether to try again.

mod accept;
mod answer;
mod body;
mod cors;
mod counts;
mod grpc;
mod http;
mod sender;
mod settings;
mod unpack;
mod wire;

pub use accept::Receiver;
pub use answer::{Answer, Refused};
pub use cors::Cors;
pub use counts::Counts;
pub use grpc::{GRPC_PATHS, grpc_router};
pub use http::{HTTP_PATHS, http_router};
pub use sender::Sender;
pub use settings::Settings;
pub use unpack::{Compression, UnpackError, unpack};

/// The refusal `refused`, rendered for the OTLP endpoint that `request` was meant for: a gRPC status
/// for gRPC, else a `google.rpc.Status` in the request's own encoding. For layers in front of the
/// door (credentials), so that every answer on these ports has the form senders expect.
pub fn render_refusal(request: &::http::request::Parts, refused: &Refused) -> axum::response::Response {
    if grpc::is_grpc(&request.headers) {
        grpc::refusal(refused)
    } else {
        http::refusal(http::answer_encoding(&request.headers), refused)
    }
}
