#!/usr/bin/env bash
# The Salesforce CLI logs in to the emulated org, makes a deal as it would in an org, and reads what the org derives.
set -euo pipefail
org=$1
sf=$(dirname "$0")/node_modules/.bin/sf
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export HOME=$home SF_DISABLE_TELEMETRY=true SF_AUTOUPDATE_DISABLE=true SF_SKIP_NEW_VERSION_CHECK=true SF_DISABLE_LOG_FILE=true
user=integration@sandbox.example

json() { node -e "const answer = JSON.parse(require('fs').readFileSync(0)); console.log($1)"; }
sf() { "$sf" "$@" --json 2>/dev/null || { echo "sf $* failed:" >&2; "$sf" "$@" >&2; return 1; }; }
create() { sf data create record -o $user -s "$1" -v "$2" | json answer.result.id; }

SF_ACCESS_TOKEN=$(curl -fsS "$org/services/oauth2/token" -d grant_type=client_credentials -d client_id=sandbox -d client_secret=sandbox | json answer.access_token)
export SF_ACCESS_TOKEN
[ "$(sf org login access-token --instance-url "$org" --no-prompt | json answer.result.username)" = $user ]

account=$(create Account "Name='Command line' M3ter_Billing_Email__c=cli@example.com")
product=$(create Product2 "Name=Tests ProductCode=TESTS IsActive=true")
entry=$(create PricebookEntry "Pricebook2Id=01sS90000000001IAA Product2Id=$product UnitPrice=0.25 IsActive=true")
deal=$(create Opportunity "Name='A deal' AccountId=$account StageName='Closed Won' CloseDate=2026-03-01")
create OpportunityLineItem "OpportunityId=$deal PricebookEntryId=$entry Quantity=4 UnitPrice=0.2" >/dev/null

fields="Name, Product2Id, ProductCode, ListPrice, TotalPrice, Opportunity.IsWon, Opportunity.Amount"
line=$(sf data query -o $user -q "SELECT $fields FROM OpportunityLineItem WHERE OpportunityId = '$deal'" |
    json "(({ Name, Product2Id, ProductCode, ListPrice, TotalPrice, Opportunity }) =>
        [Name, Product2Id, ProductCode, ListPrice, TotalPrice, Opportunity.IsWon, Opportunity.Amount].join('|'))(answer.result.records[0])")
[ "$line" = "A deal Tests|$product|TESTS|0.25|0.8|true|0.8" ] || { echo "the line is $line" >&2; exit 1; }
# A table needs to know the columns first.
"$sf" data query -o $user -q "SELECT StageName, COUNT(Id) deals FROM Opportunity GROUP BY StageName" 2>/dev/null | grep -q "Closed Won"
echo "the Salesforce CLI is content"
