//! All variables that the service reads: what counts where one is not set, and which are secrets.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// The variable that names a file with the value instead.
    pub file: Option<&'static str>,
    /// What counts where it is not set.
    pub unset: Unset,
    /// What may be shown of it.
    pub visibility: Visibility,
}

/// What counts where a variable is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unset {
    /// This.
    Default(&'static str),
    /// The service does not start.
    Required,
    /// Nothing.
    Nothing,
}

/// What may be shown of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// All of it, except a password in an address.
    Value,
    /// That there is one.
    Hidden,
}

const fn setting(name: &'static str, unset: Unset) -> Setting {
    Setting { name, file: None, unset, visibility: Visibility::Value }
}

const fn default(name: &'static str, value: &'static str) -> Setting {
    setting(name, Unset::Default(value))
}

const fn optional(name: &'static str) -> Setting {
    setting(name, Unset::Nothing)
}

const fn secret(name: &'static str, file: &'static str, unset: Unset) -> Setting {
    Setting { name, file: Some(file), unset, visibility: Visibility::Hidden }
}

/// All of them, in the order of README.
pub const SETTINGS: [Setting; 50] = [
    default("LISTEN_ADDRESS", "127.0.0.1:8080"),
    Setting {
        file: Some("DATABASE_URL_FILE"),
        ..default("DATABASE_URL", super::database::DEFAULT_DATABASE_URL)
    },
    default("DATABASE_UNVERIFIED", "refuse"),
    optional("MAPPINGS_DIR"),
    optional("COMMITMENT_BILLING"),
    default("SYNC_TIME_LIMIT", "100"),
    default("SYNC_CALLOUT_LIMIT", "2000"),
    default("RUNS_AT_ONCE", "64"),
    default("RUNS_WAITING", "10000"),
    default("RUN_LEASE", "30"),
    default("SYNC_RETRY_MINUTES", "1,5,15,60"),
    default("RUN_RETENTION", "90"),
    default("CHANGE_RETENTION", "730"),
    default("RUN_HISTORY_ROWS", "500000"),
    default("END_DATE_NEEDS_PLAN", "false"),
    default("END_DATES_PER_HOUR", "no limit"),
    default("UNUSUAL_ENDS", "no limit"),
    default("UNUSUAL_PRICE_PERCENT", "no limit"),
    optional("VERIFY_SCHEDULE"),
    default("SHUTDOWN_GRACE", "25"),
    default("SHUTDOWN_DRAIN", "5; 0 without API_KEYS_FILE"),
    setting("SALESFORCE_LOGIN_URL", Unset::Required),
    setting("SALESFORCE_CLIENT_ID", Unset::Required),
    secret("SALESFORCE_CLIENT_SECRET", "SALESFORCE_CLIENT_SECRET_FILE", Unset::Nothing),
    optional("SALESFORCE_USERNAME"),
    optional("SALESFORCE_PRIVATE_KEY_FILE"),
    optional("SALESFORCE_ORG_ID"),
    default("SALESFORCE_API_VERSION", "60.0"),
    default("M3TER_BASE_URL", "https://api.m3ter.com"),
    setting("M3TER_ORG_ID", Unset::Required),
    secret("M3TER_API_KEY", "M3TER_API_KEY_FILE", Unset::Required),
    secret("M3TER_API_SECRET", "M3TER_API_SECRET_FILE", Unset::Required),
    default("M3TER_REQUESTS_PER_SECOND", "50"),
    default("M3TER_WINDOW_MARGIN_MS", "20"),
    optional("API_KEYS_FILE"),
    default("KEYS_LOCKOUT_MINUTES", "0"),
    default("CALLER_REQUESTS_PER_MINUTE", "600"),
    optional("TRUSTED_PROXIES"),
    default("CONSOLE", "on"),
    optional("METRICS_ADDRESS"),
    optional("METRICS_TOKEN_FILE"),
    default("METRICS_OPEN", "false"),
    optional("OTEL_EXPORTER_OTLP_ENDPOINT"),
    secret("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS_FILE", Unset::Nothing),
    optional("HTTPS_PROXY"),
    optional("NO_PROXY"),
    optional("SYNC_TO_M3TER_URL"),
    secret("SYNC_TO_M3TER_KEY", "SYNC_TO_M3TER_KEY_FILE", Unset::Nothing),
    default("RUST_LOG", "info"),
    default("LOG_FORMAT", "text"),
];

/// The names of all variables.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().flat_map(|setting| std::iter::once(setting.name).chain(setting.file))
}
