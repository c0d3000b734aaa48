# Read in by the image's entrypoint, which has docker_process_sql: the account on the new cluster.
# shellcheck shell=bash
escaped() { sed -e 's/\\/\\\\/g' -e "s/'/\\\\'/g" "/run/secrets/$1"; }
docker_process_sql <<SQL
-- The least that docs/operations.md names, and DROP, which a mirrored TRUNCATE needs.
CREATE USER 'understudy'@'%' IDENTIFIED BY '$(escaped new-user-password)';
GRANT SELECT, INSERT, UPDATE, DELETE, DROP, TRIGGER ON \`shard\_00\`.* TO 'understudy'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, DROP, TRIGGER ON \`shard\_01\`.* TO 'understudy'@'%';
SQL
