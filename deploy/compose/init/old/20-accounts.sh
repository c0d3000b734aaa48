# Read in by the image's entrypoint, which has docker_process_sql: the accounts on the old cluster.
# shellcheck shell=bash
escaped() { sed -e 's/\\/\\\\/g' -e "s/'/\\\\'/g" "/run/secrets/$1"; }
docker_process_sql <<SQL
-- That of the application: it logs in through the proxy.
CREATE USER 'app'@'%' IDENTIFIED BY '$(escaped app-password)';
GRANT ALL ON \`mc\_00\`.* TO 'app'@'%';
GRANT ALL ON \`mc\_01\`.* TO 'app'@'%';
-- That of the proxy, by which it reads the schema: the least that docs/operations.md names.
CREATE USER 'understudy'@'%' IDENTIFIED BY '$(escaped old-user-password)';
GRANT SELECT, SHOW VIEW, TRIGGER ON \`mc\_00\`.* TO 'understudy'@'%';
GRANT SELECT, SHOW VIEW, TRIGGER ON \`mc\_01\`.* TO 'understudy'@'%';
SQL
