# Read in by the image's entrypoint, which has docker_process_sql: the tables of the new cluster.
# shellcheck shell=bash
for database in shard_00 shard_01; do
  docker_process_sql <<SQL
CREATE DATABASE $database CHARACTER SET utf8mb4;
USE $database;
SET default_storage_engine = InnoDB;
$(for table in comments likes mentions; do sed "s/^CREATE TABLE message /CREATE TABLE $table /" /tables/message.sql; done)
SQL
done
