//! Ports for processes that are told where to listen.

use std::net::TcpListener;

/// A port that nobody listens on, below those that the system gives to connections: one of those may be taken before the process
/// listens.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
