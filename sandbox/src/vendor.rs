//! A vendor: what one emulated service does, and another one does otherwise.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use serde_json::Value as Json;

use crate::control::{Act, Control};

/// What tells one vendor from the other.
pub(crate) trait Vendor: Send + Sync + 'static {
    /// Carries out one request.
    fn answer(&self, request: VendorRequest, control: &Control) -> Response<Body>;
    /// The path as logs and faults name it.
    fn logged_path(&self, path: &str) -> String;
    /// An error in the vendor's own shape.
    fn error(&self, status: StatusCode, message: &str) -> Response<Body>;
    /// The body of an error with a code, as the vendor words it at this path.
    fn coded_error(&self, path: &str, code: &str, message: &str) -> Json;
    /// All records.
    fn state(&self) -> Json;
    /// The records of an earlier `state` in place of the present ones; a kind that it does not name
    /// has the example records.
    fn restore(&self, state: Json) -> Result<(), String>;
    /// The example records again.
    fn reset(&self);
    /// Changes what the vendor leaves open.
    fn set_rules(&self, rules: Json) -> Result<(), String>;
    /// Lets all tokens expire.
    fn expire_tokens(&self);
    /// Does what a user does in the browser, and no request can.
    fn act(&self, _act: Act) -> Result<(), String> {
        Err("only the emulated org supports this".to_owned())
    }
}

/// A request whose body has arrived.
#[derive(Debug)]
pub(crate) struct VendorRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A vendor with its controls.
pub(crate) struct Server<V> {
    pub(crate) vendor: V,
    pub(crate) control: Control,
}
