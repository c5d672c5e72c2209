BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE batches (
	batch_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	source VARCHAR NOT NULL, 
	submitted_by VARCHAR NOT NULL, 
	accepted_ns BIGINT NOT NULL, 
	accepted_wall_us BIGINT NOT NULL, 
	orders_new INTEGER NOT NULL, 
	orders_known INTEGER NOT NULL
);
INSERT INTO "batches" VALUES(1,'orders.csv','Kim',5,1795808897054408,2,0);
CREATE TABLE commands (
	command_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at_ns BIGINT NOT NULL, 
	wall_us BIGINT NOT NULL, 
	who VARCHAR NOT NULL, 
	what VARCHAR NOT NULL, 
	target VARCHAR NOT NULL, 
	data JSON NOT NULL, 
	outcome VARCHAR, 
	outcome_ns BIGINT
);
INSERT INTO "commands" VALUES(1,15,1795808897314576,'Kim','hold','cell_a','{}','obeyed',16);
CREATE TABLE events (
	event_id INTEGER NOT NULL, 
	at_ns BIGINT NOT NULL, 
	monotonic_ns BIGINT NOT NULL, 
	wall_us BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	who VARCHAR NOT NULL, 
	what VARCHAR NOT NULL, 
	told BOOLEAN NOT NULL, 
	data TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	PRIMARY KEY (event_id)
);
INSERT INTO "events" VALUES(1,0,1441823559768,1795808896990208,'plant_started','scheduler','plant started',0,'{"start_us":1795410000000000}',X'B36666D03B98F9CF057DD3CDBBE03C35DAF5B49D69589A00F69EA9AB79D8120D');
INSERT INTO "events" VALUES(2,5,1441887765574,1795808897054408,'batch_accepted','Kim','batch accepted',0,'{"batch_id":1,"source":"orders.csv","orders_new":2,"orders_known":0}',X'517704EFE64BA5C34B1287EF7B15D2D50D9183EF0F92223B438EFFB348FAC284');
INSERT INTO "events" VALUES(3,5,1441906122350,1795808897072765,'order_accepted','Kim','order accepted',0,'{"order_id":"WO-1","product":"housing_s","quantity":1,"release_us":1795410000000000,"due_us":1795413600000000,"priority":5,"customer":"Nordpumpen AG","batch_id":1,"position":1,"operations":["deburr","assemble","pack"]}',X'0852AD6CEC08615AE5D98983AB9C1736664D041CEAA7FACB965BF3987A63C0B8');
INSERT INTO "events" VALUES(4,5,1441906122350,1795808897072765,'order_accepted','Kim','order accepted',0,'{"order_id":"WO-2","product":"housing_s","quantity":1,"release_us":1795410000000000,"due_us":1795413600000000,"priority":5,"customer":"Nordpumpen AG","batch_id":1,"position":2,"operations":["deburr","assemble","pack"]}',X'B14B249B2700158863A3A47DE511A71802A1712106FBE25B00616FC3FE7C4C51');
INSERT INTO "events" VALUES(5,0,1441956660791,1795808897123303,'operation_leased','scheduler','operation leased',0,'{"operation_id":"WO-1/1/deburr","cell":"cell_a","program":"deburr_s","token":1}',X'2C62462DEC535831D39713073E7BAD71E620FB5339E4E0EC5C3EE622253D359D');
INSERT INTO "events" VALUES(6,10,1441972461410,1795808897139104,'operation_begun','cell_a','operation begun',0,'{"operation_id":"WO-1/1/deburr","cell":"cell_a","token":1}',X'3814B7B42FA0E2C39A1482ED96833933D391429D0B2C076E0C8E2E6F83A6761F');
INSERT INTO "events" VALUES(7,11,1442003125304,1795808897169768,'step_intended','cell_a','step intended',0,'{"step_id":1,"operation_id":"WO-1/1/deburr","attempt":1,"step_index":0,"label":"infeed: present housing_s"}',X'55010DFFBAD8FE1BAC87E9BB52579DABC262BD6726B155AA5A8EB1150C9C4EB4');
INSERT INTO "events" VALUES(8,12,1442019619562,1795808897186262,'step_ended','cell_a','step ended',0,'{"step_id":1,"outcome":"done","message":""}',X'6FCD1A6EB705F4713F9E1D7FF3DCEEAD3C4DFA1E6EE42CFC6BE03BFBF5E808BB');
INSERT INTO "events" VALUES(9,13,1442100370501,1795808897267013,'step_intended','cell_a','step intended',0,'{"step_id":2,"operation_id":"WO-1/1/deburr","attempt":1,"step_index":1,"label":"ptp"}',X'DE2B8009793D25573B5E1148FF918A0C5D94F0EAB2D2B9AE694AF46A24BA5B96');
INSERT INTO "events" VALUES(10,14,1442109451717,1795808897276094,'order_cancelled','Kim','order cancelled',1,'{"order_id":"WO-2","reason":"not needed","operations":3}',X'3D3BBF20EBB00D0D31B8BBF860EA94E97E7C6756EB5E889C9A9B70B2B3D8729B');
INSERT INTO "events" VALUES(11,15,1442147933039,1795808897314576,'person_asked','Kim','hold',0,'{"command_id":1,"target":"cell_a","data":{}}',X'D23B8C008EC093C59FD7D0D3A71250E1DB3840C1EEAC12EC6548ACE4A6CE2BA0');
INSERT INTO "events" VALUES(12,16,1442173946543,1795808897340589,'person_answered','cell_a','person answered',0,'{"command_id":1,"outcome":"obeyed"}',X'A7507FF09584DBC504160B7928C57600C5B80A9FE9D88645D23BEF255265F80E');
INSERT INTO "events" VALUES(13,17,1442211358203,1795808897378001,'note','scheduler','cell lost',1,'{"cell":"cell_b","interrupted":[]}',X'91A9B7C946ECE9B1CB7110876876D9635E81DCA99577495879A2C39B40530435');
CREATE TABLE facts (
	name VARCHAR(64) NOT NULL, 
	value JSON NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "facts" VALUES('start_us',1795410000000000);
CREATE TABLE job_orders (
	order_id VARCHAR(64) NOT NULL, 
	position INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	product VARCHAR(48) NOT NULL, 
	quantity INTEGER NOT NULL CHECK (quantity > 0), 
	release_us BIGINT NOT NULL, 
	due_us BIGINT NOT NULL CHECK (due_us > release_us), 
	priority INTEGER NOT NULL, 
	customer VARCHAR(200) NOT NULL, 
	cancelled_ns BIGINT, 
	cancelled_by VARCHAR, 
	cancel_reason VARCHAR, 
	PRIMARY KEY (order_id), 
	UNIQUE (position), 
	FOREIGN KEY(batch_id) REFERENCES batches (batch_id)
);
INSERT INTO "job_orders" VALUES('WO-1',1,1,'housing_s',1,1795410000000000,1795413600000000,5,'Nordpumpen AG',NULL,NULL,NULL);
INSERT INTO "job_orders" VALUES('WO-2',2,1,'housing_s',1,1795410000000000,1795413600000000,5,'Nordpumpen AG',14,'Kim','not needed');
CREATE TABLE operations (
	operation_id VARCHAR(128) NOT NULL, 
	order_id VARCHAR(64) NOT NULL, 
	unit INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	name VARCHAR(48) NOT NULL, 
	status VARCHAR(16) NOT NULL CHECK (status IN ('planned', 'leased', 'running', 'complete', 'failed', 'cancelled', 'uncertain')), 
	cell VARCHAR(48), 
	program VARCHAR(48), 
	token BIGINT NOT NULL, 
	attempt INTEGER NOT NULL, 
	planned_start_ns BIGINT, 
	planned_end_ns BIGINT, 
	actual_start_ns BIGINT, 
	actual_end_ns BIGINT, 
	message VARCHAR NOT NULL, 
	joint_error_rad JSON, 
	end_positions JSON, 
	PRIMARY KEY (operation_id), 
	UNIQUE (order_id, unit, position), 
	FOREIGN KEY(order_id) REFERENCES job_orders (order_id)
);
INSERT INTO "operations" VALUES('WO-1/1/deburr','WO-1',1,0,'deburr','running','cell_a','deburr_s',1,1,NULL,NULL,10,NULL,'',NULL,NULL);
INSERT INTO "operations" VALUES('WO-1/1/assemble','WO-1',1,1,'assemble','planned',NULL,NULL,0,1,NULL,NULL,NULL,NULL,'',NULL,NULL);
INSERT INTO "operations" VALUES('WO-1/1/pack','WO-1',1,2,'pack','planned',NULL,NULL,0,1,NULL,NULL,NULL,NULL,'',NULL,NULL);
INSERT INTO "operations" VALUES('WO-2/1/deburr','WO-2',1,0,'deburr','cancelled',NULL,NULL,0,1,NULL,NULL,NULL,NULL,'cancelled by Kim: not needed',NULL,NULL);
INSERT INTO "operations" VALUES('WO-2/1/assemble','WO-2',1,1,'assemble','cancelled',NULL,NULL,0,1,NULL,NULL,NULL,NULL,'cancelled by Kim: not needed',NULL,NULL);
INSERT INTO "operations" VALUES('WO-2/1/pack','WO-2',1,2,'pack','cancelled',NULL,NULL,0,1,NULL,NULL,NULL,NULL,'cancelled by Kim: not needed',NULL,NULL);
CREATE TABLE schedules (
	revision INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	published_ns BIGINT NOT NULL, 
	engine VARCHAR NOT NULL, 
	event_id BIGINT NOT NULL
);
CREATE TABLE steps (
	step_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	operation_id VARCHAR(128) NOT NULL, 
	attempt INTEGER NOT NULL, 
	step_index INTEGER NOT NULL, 
	label VARCHAR NOT NULL, 
	intent_ns BIGINT NOT NULL, 
	outcome VARCHAR(16), 
	outcome_ns BIGINT, 
	message VARCHAR NOT NULL, 
	FOREIGN KEY(operation_id) REFERENCES operations (operation_id)
);
INSERT INTO "steps" VALUES(1,'WO-1/1/deburr',1,0,'infeed: present housing_s',11,'done',12,'');
INSERT INTO "steps" VALUES(2,'WO-1/1/deburr',1,1,'ptp',13,NULL,NULL,'');
CREATE INDEX events_told ON events (event_id) WHERE told;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE INDEX operations_by_token ON operations (token);
CREATE INDEX operations_by_status ON operations (status, cell);
CREATE INDEX steps_by_operation ON steps (operation_id, attempt, step_index);
CREATE INDEX steps_open ON steps (operation_id) WHERE outcome IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('batches',1);
INSERT INTO "sqlite_sequence" VALUES('steps',2);
INSERT INTO "sqlite_sequence" VALUES('commands',1);
COMMIT;
