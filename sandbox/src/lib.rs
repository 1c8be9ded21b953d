//! An emulated Salesforce org and an emulated m3ter organization on loopback.
