//! Brings a Salesforce deal into m3ter.
