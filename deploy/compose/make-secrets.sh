#!/bin/sh
# Makes the secrets of docker-compose.yml, each a random one, where they are missing:
#   sh deploy/compose/make-secrets.sh [FOLDER]
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
# The containers' accounts must read the files, which are mounted one by one; nobody else gets past the folder.
chmod 700 "$folder"
umask 022
for name in old-root-password old-user-password new-root-password new-user-password app-password admin-token \
  grafana-admin-password; do
  [ -s "$folder/$name" ] && continue
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$folder/$name.making"
  mv "$folder/$name.making" "$folder/$name"
done
