CREATE DATABASE mc_00 CHARACTER SET utf8mb4;

CREATE TABLE mc_00.comments (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=MyISAM;

CREATE TABLE mc_00.likes (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=MyISAM;

CREATE TABLE mc_00.mentions (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=MyISAM;

-- Does not move: statements on it are relayed and not mirrored.
CREATE TABLE mc_00.users (
  id BIGINT NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  unread INT NOT NULL DEFAULT 0
) ENGINE=InnoDB;
INSERT INTO mc_00.users (id, name) VALUES (1, 'ada'), (2, 'grace'), (3, 'edsger');

CREATE DATABASE mc_01 CHARACTER SET utf8mb4;

CREATE TABLE mc_01.comments (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=MyISAM;

CREATE TABLE mc_01.likes (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=MyISAM;

CREATE TABLE mc_01.mentions (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
) ENGINE=MyISAM;

-- Does not move: statements on it are relayed and not mirrored.
CREATE TABLE mc_01.users (
  id BIGINT NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  unread INT NOT NULL DEFAULT 0
) ENGINE=InnoDB;
INSERT INTO mc_01.users (id, name) VALUES (1, 'ada'), (2, 'grace'), (3, 'edsger');
