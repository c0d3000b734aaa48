CREATE TABLE message (
  folderid BIGINT NOT NULL,
  type TINYINT NOT NULL,
  itemid BIGINT NOT NULL,
  senderid BIGINT NOT NULL,
  ts INT NOT NULL,
  title VARCHAR(120) DEFAULT NULL,
  PRIMARY KEY (folderid, type, itemid),
  KEY newest (folderid, ts)
);
