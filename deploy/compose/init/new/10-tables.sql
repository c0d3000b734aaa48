CREATE DATABASE shard_00 CHARACTER SET utf8mb4;

CREATE TABLE shard_00.comments (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=InnoDB;

CREATE TABLE shard_00.likes (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=InnoDB;

CREATE TABLE shard_00.mentions (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=InnoDB;

CREATE DATABASE shard_01 CHARACTER SET utf8mb4;

CREATE TABLE shard_01.comments (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=InnoDB;

CREATE TABLE shard_01.likes (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=InnoDB;

CREATE TABLE shard_01.mentions (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=InnoDB;
