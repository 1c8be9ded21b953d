"""The programs that a recording runs: a sandbox, of which both emulators are used, and a service on a database of its own."""
import contextlib, json, os, subprocess, time, urllib.request


def call(method, url, body=None, token=None):
    """Sends JSON, or a text as it is; what is answered."""
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    data = text.encode() if text or method == "POST" else None
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
        answered = answer.read()
        return json.loads(answered) if answered else None


class Programs:
    """Starts them from the first of four ports on: the service, Salesforce, m3ter, and the sandbox's own service, which nobody asks."""

    def __init__(self, first_port):
        ports = [f"http://127.0.0.1:{first_port + number}" for number in range(4)]
        self.service, self.salesforce, self.m3ter, self.spare = ports
        self.vendors = {"m3ter": self.m3ter, "salesforce": self.salesforce}
        self.started = []

    @contextlib.contextmanager
    def sandbox(self, program):
        """Runs a program's sandbox, and stops all that was started in the end."""
        ports = {"--port": self.spare, "--salesforce-port": self.salesforce, "--m3ter-port": self.m3ter}
        arguments = [word for name, url in ports.items() for word in (name, url.rsplit(":", 1)[1])]
        try:
            self.start([program, "sandbox", *arguments], self.spare, stdout=subprocess.DEVNULL)
            yield
        finally:
            for process in reversed(self.started):
                process.terminate()
                process.wait()

    def serve(self, program, database, **settings):
        """Runs a program's service between the emulators."""
        environment = os.environ | {
            "LISTEN_ADDRESS": self.service.removeprefix("http://"), "DATABASE_URL": database, "SALESFORCE_LOGIN_URL": self.salesforce,
            "SALESFORCE_CLIENT_ID": "sandbox", "SALESFORCE_CLIENT_SECRET": "sandbox", "M3TER_BASE_URL": self.m3ter,
            "M3TER_ORG_ID": "11111111-1111-4111-8111-111111111111", "M3TER_API_KEY": "sandbox", "M3TER_API_SECRET": "sandbox",
        } | settings
        self.start([program, "serve"], self.service, env=environment)

    def start(self, command, url, **options):
        self.started.append(subprocess.Popen(command, **options))
        for _ in range(200):
            try:
                return call("GET", f"{url}/readyz")
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{command} did not start")
