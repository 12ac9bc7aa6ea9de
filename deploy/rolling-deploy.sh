#!/usr/bin/env bash
# A new version without anybody noticing: one web process after the other, each as soon as the one before is
# ready. After `git pull`, with systemd's units (as root) or with compose.yaml:
#   deploy/rolling-deploy.sh 8001 8002
#   deploy/rolling-deploy.sh compose
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ready() {
	curl -fsS -m 3 -o /dev/null -H 'Host: localhost' "http://127.0.0.1:$1/readyz" 2>/dev/null
}

with_systemd() {
	.venv/bin/python -m pip install --disable-pip-version-check -q -r requirements.txt
	systemctl restart joblynk-setup
	for port in "$@"; do
		systemctl restart "joblynk-web@$port" # SIGTERM, then up to 20 s for its answers
		for _ in $(seq 120); do
			if ready "$port"; then continue 2; fi
			sleep 0.5
		done
		echo "The process on port $port did not become ready. Those after it still run the version before." >&2
		exit 1
	done
	systemctl restart 'joblynk-worker@*'
}

compose() { docker compose -f deploy/compose.yaml "$@"; }

with_compose() {
	compose build web
	compose run --rm --no-deps setup
	mapfile -t old < <(compose ps -q web)
	for container in "${old[@]}"; do
		# One more, of the new version; when it is ready, one of those before goes.
		compose up -d --no-deps --no-recreate --wait --scale web=$((${#old[@]} + 1)) web
		docker stop "$container" >/dev/null # after its stop_grace_period at the latest
		docker rm "$container" >/dev/null
	done
	compose up -d --no-deps worker
}

case "${1:-}" in
	"") echo "Name the ports of the web processes, or compose: $0 8001 8002" >&2; exit 2 ;;
	compose) with_compose ;;
	*) with_systemd "$@" ;;
esac
