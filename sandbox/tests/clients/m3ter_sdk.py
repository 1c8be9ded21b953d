"""The official m3ter SDK, with strict response validation, against the emulated organization."""

import sys
from datetime import datetime, timezone

import m3ter

base_url, org_id = sys.argv[1:]
client = m3ter.M3ter(
    api_key="sandbox", api_secret="sandbox", org_id=org_id, base_url=base_url, max_retries=0, _strict_response_validation=True
)


def refused(call, status, part):
    """The call is refused with this status, and its message has these words."""
    try:
        call()
    except m3ter.APIStatusError as error:
        assert error.status_code == status, error
        assert part in error.body["message"], error.body
    else:
        raise AssertionError(f"{part} was not refused")


def cycle(resource, required, change, filters=({},), keep=False):
    """Creates, gets, lists, updates and (unless it is needed further) deletes an object."""
    created = resource.create(**required)
    assert created.version == 1, created
    assert resource.retrieve(created.id).id == created.id
    for filter in filters:
        ids = [listed.id for listed in resource.list(page_size=2, **filter)]
        assert created.id in ids and len(ids) == len(set(ids)), (filter, ids)
    assert [listed.id for listed in resource.list(ids=[created.id, created.id])] == [created.id]
    updated = resource.update(created.id, **{**required, **change}, version=1)
    assert updated.version == 2
    for name, value in change.items():
        assert getattr(updated, name) == value, (name, getattr(updated, name))
    refused(lambda: resource.update(created.id, **required, version=1), 400, "stale")
    if not keep:
        assert resource.delete(created.id).id == created.id
        refused(lambda: resource.retrieve(created.id), 404, "not found")
    return updated


currency = cycle(client.currencies, {"name": "Swiss franc", "code": "CHF"}, {"name": "Franc"}, [{}, {"codes": ["CHF", "USD"]}])
product = cycle(client.products, {"name": "Product", "code": "PRODUCT"}, {"name": "Renamed"}, keep=True)
fields = [{"category": "MEASURE", "code": "quantity", "name": "Quantity", "unit": "calls"}]
meter = cycle(
    client.meters,
    {"name": "Meter", "code": "METER", "data_fields": fields, "derived_fields": [], "product_id": product.id},
    {"name": "Renamed"},
    [{"codes": ["METER"]}, {"product_id": [product.id]}],
    keep=True,
)
aggregation = cycle(
    client.aggregations,
    {
        "name": "Aggregation", "code": "AGGREGATION", "meter_id": meter.id, "target_field": "quantity", "aggregation": "SUM",
        "rounding": "NONE", "quantity_per_unit": 1, "unit": "calls",
    },
    {"unit": "requests"},
    [{"codes": ["AGGREGATION", "OTHER"]}, {"product_id": [product.id]}],
    keep=True,
)
template = cycle(
    client.plan_templates,
    {"name": "Template", "code": "TEMPLATE", "product_id": product.id, "currency": "USD", "standing_charge": 0, "bill_frequency": "MONTHLY"},
    {"standing_charge": 10.5},
    [{"product_id": product.id}],
    keep=True,
)
account = cycle(
    client.accounts,
    {"name": "Account", "code": "ACCOUNT", "email_address": "billing@example.com"},
    {"name": "Renamed", "custom_fields": {"tier": "gold"}},
    [{"codes": ["ACCOUNT"]}],
    keep=True,
)
contract = cycle(
    client.contracts,
    {"name": "Contract", "code": "CONTRACT", "account_id": account.id, "start_date": "2026-01-01", "end_date": "2027-01-01"},
    {"purchase_order_number": "PO-1"},
    [{"codes": ["CONTRACT"]}, {"account_id": account.id}],
    keep=True,
)
plan = cycle(
    client.plans,
    {"name": "Plan", "code": "PLAN", "plan_template_id": template.id, "bespoke": True, "account_id": account.id},
    {"minimum_spend": 12.25},
    [{"account_id": [account.id]}, {"product_id": product.id}],
    keep=True,
)
pricing = cycle(
    client.pricings,
    {
        "plan_id": plan.id, "aggregation_id": aggregation.id, "code": "PRICING", "cumulative": False,
        "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
        "pricing_bands": [{"lower_limit": 0, "fixed_price": 0, "unit_price": 0.05}],
    },
    {"description": "Calls"},
    [{"plan_id": plan.id}, {"aggregation_id": aggregation.id}],
    keep=True,
)
commitment = cycle(
    client.commitments,
    {"account_id": account.id, "contract_id": contract.id, "start_date": "2026-01-01", "end_date": "2027-01-01", "currency": "USD", "amount": 100},
    {"amount_pre_paid": 50.0},
    [{"account_id": account.id, "contract_id": contract.id}],
    keep=True,
)
account_plan = cycle(
    client.account_plans,
    {"account_id": account.id, "plan_id": plan.id, "contract_id": contract.id, "code": "ACCOUNTPLAN", "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc)},
    {"end_date": datetime(2027, 1, 1, tzinfo=timezone.utc)},
    [{"account": account.id, "includeall": True}, {"contract": contract.id, "includeall": True}, {"plan": plan.id, "includeall": True}],
    keep=True,
)
assert account_plan.product_id == product.id

overlapping = {"account_id": account.id, "contract_id": contract.id, "start_date": "2026-12-31", "end_date": "2028-01-01", "currency": "USD", "amount": 1}
refused(lambda: client.commitments.create(**overlapping), 400, f"Commitment would overlap with existing Commitment {commitment.id}")
refused(
    lambda: client.account_plans.create(account_id=account.id, plan_id=plan.id, start_date=datetime(2026, 6, 1, tzinfo=timezone.utc)),
    400,
    f"AccountPlan would overlap with AccountPlan {account_plan.id} for the same product {product.id}",
)
refused(lambda: client.accounts.create(name="Again", code="ACCOUNT", email_address="a@b.example"), 400, "already exists")
refused(lambda: client.aggregations.create(name="A", code="006S9", meter_id=meter.id, target_field="quantity", aggregation="SUM", rounding="NONE", quantity_per_unit=1, unit="x"), 400, "code")
refused(lambda: client.plans.create(name="P", code="P", plan_template_id="00000000-0000-0000-0000-000000000000"), 400, "does not exist")
refused(lambda: client.accounts.delete(account.id), 400, "in use")
counter = cycle(client.counters, {"name": "Counter", "code": "COUNTER", "unit": "users", "product_id": product.id}, {"unit": "seats"}, [{"codes": ["COUNTER"]}], keep=True)
counter_pricing = cycle(
    client.counter_pricings,
    {
        "counter_id": counter.id, "plan_id": plan.id, "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
        "pricing_bands": [{"lower_limit": 0, "fixed_price": 0, "unit_price": 3}],
    },
    {"description": "Users"},
    [{"plan_id": plan.id}],
    keep=True,
)
child = client.accounts.create(name="Child", code="CHILD", email_address="a@b.example", parent_account_id=account.id)
assert [listed.id for listed in client.accounts.list_children(account.id).data] == [child.id]

# The strict client cannot read the sets of ids, for which the published schema has another type.
lenient = m3ter.M3ter(api_key="sandbox", api_secret="sandbox", org_id=org_id, base_url=base_url, max_retries=0)
mid_year = datetime(2026, 7, 1, tzinfo=timezone.utc)
ended = lenient.contracts.end_date_billing_entities(contract.id, billing_entities=["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT"], end_date=mid_year)
assert ended.updated_entities.contract == [contract.id] and ended.updated_entities.accountplan == [account_plan.id], ended
assert ended.updated_entities.prepayment == [commitment.id], ended
after = client.contracts.retrieve(contract.id)
assert (str(after.end_date), after.version) == ("2026-07-01", 3), after
ended = lenient.accounts.end_date_billing_entities(
    account.id, billing_entities=["PRICINGS", "COUNTER_PRICINGS"], end_date=datetime(2025, 1, 1, tzinfo=timezone.utc), apply_to_children=True
)
assert ended.failed_entities.pricings == [pricing.id] and ended.failed_entities.counter_pricings == [counter_pricing.id], ended
refused(lambda: lenient.accounts.end_date_billing_entities(account.id, billing_entities=[], end_date=mid_year), 400, "at least one")
config = client.organization_config.retrieve()
assert (config.timezone, config.currency) == ("UTC", "USD"), config
print("the m3ter SDK is content")
