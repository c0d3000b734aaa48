# Read in by the image's entrypoint, which has docker_process_sql: the tables of the old cluster.
# shellcheck shell=bash
for database in mc_00 mc_01; do
  docker_process_sql <<SQL
CREATE DATABASE $database CHARACTER SET utf8mb4;
USE $database;
SET default_storage_engine = MyISAM;
$(for table in comments likes mentions; do sed "s/^CREATE TABLE message /CREATE TABLE $table /" /tables/message.sql; done)
-- Does not move.
SET default_storage_engine = InnoDB;
$(cat /tables/users.sql)
INSERT INTO users (id, name) VALUES (1, 'ada'), (2, 'grace'), (3, 'edsger');
SQL
done
