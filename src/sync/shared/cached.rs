//! An answer that takes long, cached for a while for all who ask.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// An answer is cached so many times as long as it took: at most a fiftieth of the time goes to it,
/// however many ask. What takes a millisecond is as good as never old.
const TIMES_AS_LONG: u32 = 50;
/// No answer is cached longer.
const MAX_AGE: Duration = Duration::from_secs(10);

/// The last answer, and until when it counts.
#[derive(Debug)]
pub(crate) struct Cached<T> {
    last: Mutex<Option<(T, Instant)>>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { last: Mutex::default() }
    }
}

impl<T: Clone> Cached<T> {
    /// The last answer, or a new one. Whoever asks meanwhile waits for the same.
    pub(crate) async fn get<E>(
        &self,
        is_asked: impl Fn(&T) -> bool,
        find: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut last = self.last.lock().await;
        let asked_at = Instant::now();
        if let Some((answer, _)) =
            last.as_ref().filter(|(answer, until)| asked_at < *until && is_asked(answer))
        {
            return Ok(answer.clone());
        }
        let answer = find().await?;
        let found_at = Instant::now();
        let cached = (found_at - asked_at).saturating_mul(TIMES_AS_LONG).min(MAX_AGE);
        *last = Some((answer.clone(), found_at + cached));
        Ok(answer)
    }
}
