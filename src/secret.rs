//! A secret, as it was given or in a file that may change.
//!
//! A vendor's client reads it whenever it logs in, so that a file with a new one counts without a
//! restart; [`Accepted`] keeps what let in last, for as long as the new one does not. No error
//! shows what a secret is: it names the variable and the file.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};

/// A private key has some kilobytes; what is larger is another file.
const MAX_BYTES: u64 = 64 * 1024;

/// A secret; a clone is another handle to it.
#[derive(Debug, Clone)]
pub struct Secret(Source);

#[derive(Debug, Clone)]
enum Source {
    Given(SecretString),
    File { variable: &'static str, path: Arc<Path> },
}

impl Secret {
    /// One in a file, which the variable names.
    pub fn in_file(variable: &'static str, path: PathBuf) -> Self {
        Self(Source::File { variable, path: path.into() })
    }

    /// Whether it may become another one.
    pub fn is_in_a_file(&self) -> bool {
        matches!(self.0, Source::File { .. })
    }

    /// What it is now, without the blanks around it; or why it cannot be read, as a sentence that
    /// names variable and file.
    pub fn read(&self) -> Result<SecretString, String> {
        match &self.0 {
            Source::Given(secret) => Ok(secret.clone()),
            Source::File { variable, path } => {
                read(path).map_err(|problem| format!("{variable}: `{}` {problem}", path.display()))
            }
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Source::Given(text.into()))
    }
}

fn read(path: &Path) -> Result<SecretString, String> {
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err("is a directory; name the file in it".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("is larger than 64 KiB; it holds the secret alone".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not text in UTF-8".to_owned())?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err("is empty; it holds the secret alone".to_owned());
    }
    Ok(secret.to_owned().into())
}

/// What somebody logs in with: one or several secrets that belong together.
#[derive(Debug, Clone)]
pub struct ReadSecrets(Vec<SecretString>);

impl ReadSecrets {
    /// What the secrets are now.
    pub fn read(secrets: &[&Secret]) -> Result<Self, String> {
        secrets.iter().map(|secret| secret.read()).collect::<Result<_, _>>().map(Self)
    }

    /// One of them, in the order of [`ReadSecrets::read`].
    pub fn expose(&self, position: usize) -> &str {
        self.0[position].expose_secret()
    }
}

impl PartialEq for ReadSecrets {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(one, other)| one.expose_secret() == other.expose_secret())
    }
}

/// What let in last; a clone is another handle to it.
#[derive(Debug, Clone, Default)]
pub struct Accepted(Arc<Mutex<LoginSecrets>>);

#[derive(Debug, Default)]
struct LoginSecrets {
    accepted: Option<ReadSecrets>,
    /// Refused lately, while something else let in.
    refused: Option<ReadSecrets>,
}

impl Accepted {
    /// What let in last.
    pub fn get(&self) -> Option<ReadSecrets> {
        self.held().accepted.clone()
    }

    /// Notes that this let in.
    pub fn accept(&self, shown: ReadSecrets) {
        *self.held() = LoginSecrets { accepted: Some(shown), refused: None };
    }

    /// Notes that this did not.
    pub fn refuse(&self, shown: ReadSecrets) {
        self.held().refused = Some(shown);
    }

    /// Whether this is something that nobody has tried yet, in place of what lets in.
    pub fn is_untried(&self, shown: &ReadSecrets) -> bool {
        let held = self.held();
        held.accepted.as_ref().is_some_and(|accepted| accepted != shown)
            && held.refused.as_ref() != Some(shown)
    }

    fn held(&self) -> MutexGuard<'_, LoginSecrets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_anew_each_time_and_no_problem_shows_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let secret = Secret::in_file("M3TER_API_SECRET_FILE", path.clone());
        for (bytes, expected) in [
            (&b"hunter2\n"[..], Ok("hunter2")),
            (b"  hunter3  \r\n", Ok("hunter3")),
            (b"\n", Err("is empty")),
            (b"hunter\xff", Err("is not text")),
            (&vec![b'h'; 70_000], Err("larger than 64 KiB")),
        ] {
            std::fs::write(&path, bytes).unwrap();
            match (secret.read(), expected) {
                (Ok(secret), Ok(expected)) => assert_eq!(secret.expose_secret(), expected),
                (Err(problem), Err(part)) => {
                    assert!(
                        problem.starts_with("M3TER_API_SECRET_FILE: `")
                            && problem.contains(part)
                            && !problem.contains("hunter"),
                        "{problem}"
                    );
                }
                (read, _) => panic!("{read:?}"),
            }
        }
        let problem = Secret::in_file("X_FILE", directory.path().to_owned()).read().unwrap_err();
        assert!(problem.contains("is a directory; name the file in it"), "{problem}");
        std::fs::remove_file(&path).unwrap();
        assert!(secret.read().unwrap_err().contains("cannot be read: No such file"));
        assert!(!format!("{:?}", Secret::from("hunter2".to_owned())).contains("hunter2"));
    }

    #[test]
    fn only_an_untried_secret_is_tried_in_place_of_an_accepted_one() {
        let shown = |text: &str| ReadSecrets::read(&[&Secret::from(text.to_owned())]).unwrap();
        let accepted = Accepted::default();
        assert!(
            !accepted.is_untried(&shown("a")),
            "nothing has let in: the next login tries it anyway"
        );
        accepted.accept(shown("a"));
        assert!(!accepted.is_untried(&shown("a")) && accepted.is_untried(&shown("b")));
        accepted.refuse(shown("b"));
        assert!(!accepted.is_untried(&shown("b")) && accepted.is_untried(&shown("c")));
        accepted.accept(shown("b"));
        assert!(accepted.is_untried(&shown("a")));
    }
}
