//! What each of Salesforce's error codes means: a closed table, from which follows what is done
//! about an error.
//!
//! Sources, seen November 2026: SOAP API Developer Guide, "API Faults" (`ExceptionCode`) and "Core
//! Data Types" (`StatusCode`), whose codes the REST API answers as `errorCode` and collections as
//! `statusCode`; REST API Developer Guide, "Status Codes and Error Responses"; Salesforce Help,
//! "OAuth 2.0 Authorization Errors"; RFC 6749, section 5.2. A code that is not here means what its
//! status means. docs/errors.md shows the table; a test keeps the two in step.

use crate::transport::Meaning;

/// The codes by their meaning.
pub const TABLE: [(Meaning, &[&str]); 8] = [
    (Meaning::Passing, PASSING),
    (Meaning::StaleLogin, &["INVALID_SESSION_ID", "INVALID_AUTH_HEADER"]),
    (Meaning::StaleAddress, &["URL_NOT_RESET", "ORG_NOT_OWNED_BY_INSTANCE"]),
    (Meaning::Limit, LIMIT),
    (Meaning::Access, ACCESS),
    (Meaning::Data, DATA),
    (Meaning::Lasting, LASTING),
    (Meaning::Ours, OURS),
];

const PASSING: &[&str] = &[
    "API_CURRENTLY_DISABLED",
    "CANNOT_EXECUTE_FLOW_TRIGGER_NOW",
    "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE",
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
    "INVALID_LOCATOR",
    "INVALID_QUERY_LOCATOR",
    "PROCESSING_HALTED",
    "QUERY_TIMEOUT",
    "RECORD_IN_USE_BY_WORKFLOW",
    "REQUEST_RUNNING_TOO_LONG",
    "SERVER_UNAVAILABLE",
    "SERVICE_UNAVAILABLE",
    "SSO_SERVICE_DOWN",
    "TERRITORY_REALIGN_IN_PROGRESS",
    "TOO_MANY_APEX_REQUESTS",
    "UNABLE_TO_LOCK_ROW",
    "UNKNOWN_EXCEPTION",
    // Of a login.
    "server_error",
    "temporarily_unavailable",
    "unknown_error",
];

const LIMIT: &[&str] = &[
    "CONCURRENT_API_REQUESTS_LIMIT_EXCEEDED",
    "CONCURRENT_REQUESTS_LIMIT_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "TOTAL_REQUESTS_LIMIT_EXCEEDED",
    // Of a login.
    "login_rate_exceeded",
    "rate_limit_exceeded",
    "slow_down",
    "too_many_requests",
];

const ACCESS: &[&str] = &[
    "API_DISABLED_FOR_ORG",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    "CLIENT_NOT_ACCESSIBLE_FOR_USER",
    "ENTITY_NOT_QUERYABLE",
    "FORBIDDEN",
    "FUNCTIONALITY_NOT_ENABLED",
    "INACTIVE_OWNER_OR_USER",
    "INSUFFICIENT_ACCESS",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    "INSUFFICIENT_ACCESS_OR_READONLY",
    "INVALID_FIELD",
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "INVALID_TYPE",
    "IP_RANGE_LIMIT_EXCEEDED",
    "LICENSE_LIMIT_EXCEEDED",
    "LOGIN_DURING_RESTRICTED_DOMAIN",
    "LOGIN_DURING_RESTRICTED_TIME",
    "NO_ACCESS",
    "OAUTH_APP_BLOCKED",
    "OPERATION_NOT_ALLOWED",
    "PACKAGE_LICENSE_REQUIRED",
    "TRANSFER_REQUIRES_READ",
    "TXN_SECURITY_METERING_ERROR",
    "TXN_SECURITY_NO_ACCESS",
    "TXN_SECURITY_RUNTIME_EXCEPTION",
    // Of a login.
    "access_denied",
    "inactive_org",
    "inactive_user",
    "invalid_app_access",
    "invalid_client",
    "invalid_client_credentials",
    "invalid_client_id",
    "invalid_grant",
    "invalid_scope",
    "oauth_app_blocked",
    "unauthorized_client",
];

const DATA: &[&str] = &[
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "ALREADY_IN_PROCESS",
    "BAD_CUSTOM_ENTITY_PARENT_DOMAIN",
    "CANNOT_REPARENT_RECORD",
    "CANNOT_UPDATE_CONVERTED_LEAD",
    "CHILD_SHARE_FAILS_PARENT",
    "CIRCULAR_DEPENDENCY",
    "CIRCULAR_OBJECT_GRAPH",
    "DELETE_FAILED",
    "DEPENDENCY_EXISTS",
    "DUPLICATES_DETECTED",
    "DUPLICATE_EXTERNAL_ID",
    "DUPLICATE_VALUE",
    "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE",
    "ENTITY_IS_ARCHIVED",
    "ENTITY_IS_DELETED",
    "ENTITY_IS_LOCKED",
    "FAILED_ACTIVATION",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    "FIELD_FILTER_VALIDATION_EXCEPTION",
    "FIELD_INTEGRITY_EXCEPTION",
    "INVALID_ARGUMENT_TYPE",
    "INVALID_CROSS_REFERENCE_KEY",
    "INVALID_CROSS_REFERENCE_TYPE_FOR_FIELD",
    "INVALID_CURRENCY_ISO",
    "INVALID_DATE_FORMAT",
    "INVALID_EMAIL_ADDRESS",
    "INVALID_ID_FIELD",
    "INVALID_LOOKUP_FILTER",
    "INVALID_OPERATION",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "INVALID_STATUS",
    "INVALID_TYPE_ON_FIELD_IN_RECORD",
    "MALFORMED_ID",
    "NOT_FOUND",
    "NUMBER_OUTSIDE_VALID_RANGE",
    "REQUIRED_FIELD_MISSING",
    "STANDARD_PRICE_NOT_DEFINED",
    "STRING_TOO_LONG",
    "TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET",
    "TOO_MANY_ENUM_VALUE",
    "UNAVAILABLE_RECORDTYPE_EXCEPTION",
    "UNDELETE_FAILED",
];

const LASTING: &[&str] = &[
    "APEX_ERROR",
    "CANNOT_EXECUTE_FLOW_TRIGGER",
    "CUSTOM_CLOB_FIELD_LIMIT_EXCEEDED",
    "CUSTOM_ENTITY_OR_FIELD_LIMIT",
    "EXCEEDED_QUOTA",
    "FLOW_EXCEPTION",
    "INVALID_VERSION",
    "LIMIT_EXCEEDED",
    "MAXIMUM_HIERARCHY_LEVELS_REACHED",
    "ORG_LOCKED",
    "SELF_REFERENCE_FROM_TRIGGER",
    "STORAGE_LIMIT_EXCEEDED",
    "TRIAL_EXPIRED",
    "UNSUPPORTED_API_VERSION",
    "UNSUPPORTED_APEX_TRIGGER_OPERATON",
    "UNSUPPORTED_CLIENT",
];

const OURS: &[&str] = &[
    "DUPLICATE_ARGUMENT_VALUE",
    "EXCEEDED_ID_LIMIT",
    "EXCEEDED_MAX_FILTER_ENTITIES",
    "EXCEEDED_MAX_SEMIJOIN_SUBSELECTS",
    "EXCEEDED_MAX_SIZE_REQUEST",
    "EXCEEDED_MAX_SOBJECTS",
    "EXCEEDED_MAX_TYPES_LIMIT",
    "ILLEGAL_QUERY_PARAMETER_VALUE",
    "INVALID_BATCH_OPERATION",
    "INVALID_BATCH_REQUEST",
    "INVALID_BATCH_SIZE",
    "INVALID_CLIENT",
    "INVALID_CONTENT_TYPE",
    "INVALID_FILTER_VALUE",
    "INVALID_INPUT",
    "INVALID_QUERY_FILTER_OPERATOR",
    "INVALID_QUERY_SCOPE",
    "INVALID_QUERY_VALUE",
    "INVALID_TYPE_FOR_OPERATION",
    "JSON_PARSER_ERROR",
    "MALFORMED_QUERY",
    "METHOD_NOT_ALLOWED",
    "MISSING_ARGUMENT",
    "OPERATION_TOO_LARGE",
    "POST_BODY_PARSE_ERROR",
    "QUERY_TOO_COMPLICATED",
    "UNSUPPORTED_MEDIA_TYPE",
    "XML_PARSER_ERROR",
    // Of a login.
    "invalid_request",
    "unsupported_grant_type",
    "unsupported_response_type",
];

/// Logins are refused as `invalid_grant` for reasons of several kinds; these words say that it
/// passes.
const LOGIN_WORDS: [(&str, Meaning); 3] = [
    ("login rate exceeded", Meaning::Limit),
    ("retry your request", Meaning::Passing),
    ("temporarily unavailable", Meaning::Passing),
];

/// What an error means.
pub(super) fn meaning(status: u16, code: Option<&str>, message: &str) -> Meaning {
    let known = code.and_then(|code| TABLE.iter().find(|(_, codes)| codes.contains(&code)));
    let Some((meaning, _)) = known else { return of_status(status) };
    if code == Some("invalid_grant") {
        let message = message.to_ascii_lowercase();
        return LOGIN_WORDS
            .iter()
            .find(|(words, _)| message.contains(words))
            .map_or(*meaning, |(_, meaning)| *meaning);
    }
    *meaning
}

/// What an error means whose code is not known: documented for each status.
fn of_status(status: u16) -> Meaning {
    match status {
        401 => Meaning::StaleLogin,
        // 420 and 421: the host leads to no org, or to another one.
        301..=303 | 305..=399 | 420 | 421 => Meaning::StaleAddress,
        429 => Meaning::Limit,
        403 => Meaning::Access,
        408 | 500.. => Meaning::Passing,
        409 | 410 => Meaning::Lasting,
        405 | 406 | 411..=419 | 422..=428 | 431 => Meaning::Ours,
        _ => Meaning::Data,
    }
}

/// What to do about it, where that can be told.
pub(super) fn advice(status: u16, code: Option<&str>, meaning: Meaning) -> Option<&'static str> {
    Some(match (code, meaning) {
        (Some("UNSUPPORTED_API_VERSION" | "INVALID_VERSION"), _) => VERSION,
        (None, Meaning::Lasting) if status == 410 => VERSION,
        (Some("API_DISABLED_FOR_ORG"), _) => {
            "give the integration user the permission *API Enabled*, and check that the org's edition has API access"
        }
        (Some("INVALID_QUERY_LOCATOR" | "INVALID_LOCATOR"), _) => {
            "the query was sent again from its start"
        }
        (Some("ORG_LOCKED" | "TRIAL_EXPIRED"), _) => {
            "the org itself is closed: its owner must contact Salesforce"
        }
        (Some("STORAGE_LIMIT_EXCEEDED" | "EXCEEDED_QUOTA"), _) => {
            "make room in the org's data storage"
        }
        (_, Meaning::StaleAddress) => MOVED,
        (_, Meaning::Access) => {
            "check what the integration user and the External Client App may do"
        }
        (_, Meaning::Ours) => {
            "this is a fault of the service or of the mapping: report it with the run's ID"
        }
        _ => return None,
    })
}

const VERSION: &str = "set `SALESFORCE_API_VERSION` to a version that the org has";

/// Where an org may have gone.
pub(super) const MOVED: &str = "check that `SALESFORCE_LOGIN_URL` is the org's current My Domain";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_is_in_the_table_once() {
        let all: Vec<&str> = TABLE.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(
            TABLE.iter().map(|(meaning, _)| meaning).collect::<BTreeSet<_>>().len(),
            TABLE.len()
        );
    }

    #[test]
    fn a_code_outweighs_its_status_and_a_login_message_outweighs_its_code() {
        for (status, code, message, expected) in [
            (400, Some("QUERY_TIMEOUT"), "", Meaning::Passing),
            (403, Some("API_DISABLED_FOR_ORG"), "", Meaning::Access),
            (403, Some("REQUEST_LIMIT_EXCEEDED"), "", Meaning::Limit),
            (400, Some("invalid_grant"), "authentication failure", Meaning::Access),
            (400, Some("invalid_grant"), "Login rate exceeded", Meaning::Limit),
            (400, Some("SOMETHING_NEW"), "", Meaning::Data),
            (401, Some("SOMETHING_NEW"), "", Meaning::StaleLogin),
            (503, None, "", Meaning::Passing),
            (302, None, "", Meaning::StaleAddress),
            (410, None, "", Meaning::Lasting),
        ] {
            assert_eq!(meaning(status, code, message), expected, "{status} {code:?}");
        }
    }
}
