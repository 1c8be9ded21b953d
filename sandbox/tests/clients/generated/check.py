"""What the client that openapi-python-client makes does with the answers of a running sandbox, and behind a proxy."""

import os

from sync_client import AuthenticatedClient
from sync_client.api.runs import begin_sync, get_sync_run
from sync_client.api.sync import sync_record_to_m3_ter, sync_to_m3_ter
from sync_client.models import AcceptedRun, Fault, SyncRequest, SyncResult

DEAL = "006S900000795MMIAY"
client = AuthenticatedClient(base_url=os.environ["SYNC_URL"], token="none")

dry_run = sync_record_to_m3_ter.sync_detailed(DEAL, client=client, dry_run=True)
assert dry_run.status_code == 200 and isinstance(dry_run.parsed, SyncResult), dry_run
assert dry_run.parsed.success and dry_run.parsed.dry_run, dry_run

synced = sync_to_m3_ter.sync_detailed(client=client, body=[SyncRequest(parent_record_id=DEAL)])
assert synced.status_code == 200 and synced.parsed[0].sync_status == "Completed", synced

begun = begin_sync.sync_detailed(client=client, body=SyncRequest(parent_record_id=DEAL))
assert begun.status_code == 202 and isinstance(begun.parsed, AcceptedRun), begun

refused = sync_record_to_m3_ter.sync_detailed(DEAL, client=client, wait_seconds=106)
assert refused.status_code == 400 and isinstance(refused.parsed, Fault), refused
assert refused.parsed.error_code == "INVALID_PARAMETER", refused

absent = get_sync_run.sync_detailed("00000000-0000-0000-0000-000000000000", client=client)
assert absent.status_code == 404 and absent.parsed.error_code == "RUN_NOT_FOUND", absent

behind = AuthenticatedClient(base_url=os.environ["PROXY_URL"], token="none")
lost = sync_record_to_m3_ter.sync_detailed(DEAL, client=behind)
assert lost.status_code == 502 and lost.parsed is None, lost
print("openapi-python-client: 200, dry run, 202, 400, 404 and an empty 502")
