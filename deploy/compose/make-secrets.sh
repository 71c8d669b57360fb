#!/bin/sh
# Makes the secrets that compose.yaml mounts, in the folder `secrets` beside this file, and prints the key of the service
# `backend`. Changes nothing that is there: without its key the vault cannot be read.
set -eu
cd "$(dirname "$0")"
if [ -e secrets ]; then
  echo "deploy/compose/secrets is there already, and nothing was written." >&2
  exit 1
fi
# The folder keeps others out; the user of each image has to read the files inside.
umask 077
mkdir secrets
for name in database-password vault-key audit-key grafana-password; do
  openssl rand -hex 32 | tr -d '\n' >"secrets/$name"
done
key="tgk_$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n')"
printf %s "$key" | openssl dgst -sha256 -r | cut -d ' ' -f 1 | tr -d '\n' >secrets/service-key-sha256
chmod 444 secrets/*
echo "The key of the service \"backend\", shown this once: $key"
