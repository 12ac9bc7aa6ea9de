#!/usr/bin/env bash
# A new version without anybody noticing: one web process after the other, each as soon as the one before is
# ready. On one host with systemd; see docs/operations.md.
#   deploy/rolling-deploy.sh 8001 8002 8003
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -gt 0 ] || { echo "Name the ports of the web processes: $0 8001 8002 8003"; exit 2; }

.venv/bin/pip install --disable-pip-version-check -q -r requirements.txt
.venv/bin/python manage.py setup

for port in "$@"; do
	systemctl restart "joblynk-web@$port" # SIGTERM, then up to 20 s for its answers
	for _ in $(seq 120); do
		if curl -fsS -o /dev/null -H 'Host: localhost' "http://127.0.0.1:$port/readyz"; then
			continue 2
		fi
		sleep 0.5
	done
	echo "The process on port $port did not become ready. The others still run the version before; stop here."
	exit 1
done
systemctl restart 'joblynk-worker@*'
