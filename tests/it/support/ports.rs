//! Ports for processes that are told where to listen.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that the system gives to connections: one of those may be taken before the process
/// listens.
const PORTS: Range<u16> = 10_000..32_000;
/// Where this test program continues. It gives no port twice: two processes that are started at one
/// moment would both find it free.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(PORTS)));

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let after = |port: u16| if port + 1 < PORTS.end { port + 1 } else { PORTS.start };
    loop {
        let port = NEXT
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |port| Some(after(port)))
            .unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
