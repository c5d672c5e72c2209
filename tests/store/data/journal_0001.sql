BEGIN TRANSACTION;
CREATE TABLE batches (
	batch_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	source VARCHAR NOT NULL, 
	submitted_by VARCHAR NOT NULL, 
	accepted_ns BIGINT NOT NULL, 
	accepted_wall_us BIGINT NOT NULL, 
	orders_new INTEGER NOT NULL, 
	orders_known INTEGER NOT NULL
);
INSERT INTO "batches" VALUES(1,'orders.csv','Kim',5,1795791783711710,2,0);
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
INSERT INTO "commands" VALUES(1,19,1795791783888821,'Kim','hold','cell_a','{}','obeyed',20);
INSERT INTO "commands" VALUES(2,21,1795791783893726,'Lee','stop','cell_b','{"why": "smoke"}',NULL,NULL);
CREATE TABLE events (
	event_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at_ns BIGINT NOT NULL, 
	monotonic_ns BIGINT NOT NULL, 
	wall_us BIGINT NOT NULL, 
	who VARCHAR NOT NULL, 
	what VARCHAR NOT NULL, 
	data JSON NOT NULL
);
INSERT INTO "events" VALUES(1,16,1265594800846,1795791783875966,'journal','operation put back','{"operation_id": "WO-1/1/pack", "reason": "the scheduler was restarted"}');
INSERT INTO "events" VALUES(2,17,1265604892528,1795791783886057,'Kim','order cancelled','{"order_id": "WO-2", "reason": "no longer wanted", "operations": 6}');
INSERT INTO "events" VALUES(3,18,1265606822026,1795791783887986,'scheduler','cell lost','{"cell": "cell_b", "interrupted": []}');
CREATE TABLE facts (
	name VARCHAR(64) NOT NULL, 
	value JSON NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "facts" VALUES('schema',1);
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
INSERT INTO "job_orders" VALUES('WO-2',2,1,'valve_block',2,1795410000000000,1795413600000000,5,'Nordpumpen AG',17,'Kim','no longer wanted');
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
INSERT INTO "operations" VALUES('WO-1/1/deburr','WO-1',1,0,'deburr','complete','cell_a','deburr_s',1,1,0,9,8,13,'','[0.0001, 0.0001, 0.0001, 0.0001, 0.0001, 0.0001]','[[0.1, 0.1, 0.1, 0.1, 0.1, 0.1]]');
INSERT INTO "operations" VALUES('WO-1/1/assemble','WO-1',1,1,'assemble','running','cell_a','x',2,1,10,19,14,NULL,'',NULL,NULL);
INSERT INTO "operations" VALUES('WO-1/1/pack','WO-1',1,2,'pack','planned',NULL,NULL,4,2,20,29,NULL,NULL,'the scheduler was restarted',NULL,NULL);
INSERT INTO "operations" VALUES('WO-2/1/incoming_check','WO-2',1,0,'incoming_check','cancelled','cell_a','p',0,1,30,39,NULL,NULL,'cancelled by Kim: no longer wanted',NULL,NULL);
INSERT INTO "operations" VALUES('WO-2/1/deburr','WO-2',1,1,'deburr','cancelled','cell_a','p',0,1,40,49,NULL,NULL,'cancelled by Kim: no longer wanted',NULL,NULL);
INSERT INTO "operations" VALUES('WO-2/1/outgoing_check','WO-2',1,2,'outgoing_check','cancelled','cell_a','p',0,1,50,59,NULL,NULL,'cancelled by Kim: no longer wanted',NULL,NULL);
INSERT INTO "operations" VALUES('WO-2/2/incoming_check','WO-2',2,0,'incoming_check','cancelled','cell_a','p',0,1,60,69,NULL,NULL,'cancelled by Kim: no longer wanted',NULL,NULL);
INSERT INTO "operations" VALUES('WO-2/2/deburr','WO-2',2,1,'deburr','cancelled','cell_a','p',0,1,70,79,NULL,NULL,'cancelled by Kim: no longer wanted',NULL,NULL);
INSERT INTO "operations" VALUES('WO-2/2/outgoing_check','WO-2',2,2,'outgoing_check','cancelled','cell_a','p',0,1,80,89,NULL,NULL,'cancelled by Kim: no longer wanted',NULL,NULL);
CREATE TABLE schedules (
	revision INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	published_ns BIGINT NOT NULL, 
	engine VARCHAR NOT NULL, 
	rows JSON NOT NULL
);
INSERT INTO "schedules" VALUES(1,6,'tabu','[["WO-1/1/deburr", "WO-1", 1, "deburr", "cell_a", "p", 0, 9], ["WO-1/1/assemble", "WO-1", 1, "assemble", "cell_a", "p", 10, 19], ["WO-1/1/pack", "WO-1", 1, "pack", "cell_a", "p", 20, 29], ["WO-2/1/incoming_check", "WO-2", 1, "incoming_check", "cell_a", "p", 30, 39], ["WO-2/1/deburr", "WO-2", 1, "deburr", "cell_a", "p", 40, 49], ["WO-2/1/outgoing_check", "WO-2", 1, "outgoing_check", "cell_a", "p", 50, 59], ["WO-2/2/incoming_check", "WO-2", 2, "incoming_check", "cell_a", "p", 60, 69], ["WO-2/2/deburr", "WO-2", 2, "deburr", "cell_a", "p", 70, 79], ["WO-2/2/outgoing_check", "WO-2", 2, "outgoing_check", "cell_a", "p", 80, 89]]');
INSERT INTO "schedules" VALUES(2,7,'repair','[["WO-1/1/assemble", "WO-1", 1, "assemble", "cell_a", "p", 10, 19], ["WO-1/1/pack", "WO-1", 1, "pack", "cell_a", "p", 20, 29], ["WO-2/1/incoming_check", "WO-2", 1, "incoming_check", "cell_a", "p", 30, 39], ["WO-2/1/deburr", "WO-2", 1, "deburr", "cell_a", "p", 40, 49], ["WO-2/1/outgoing_check", "WO-2", 1, "outgoing_check", "cell_a", "p", 50, 59], ["WO-2/2/incoming_check", "WO-2", 2, "incoming_check", "cell_a", "p", 60, 69], ["WO-2/2/deburr", "WO-2", 2, "deburr", "cell_a", "p", 70, 79], ["WO-2/2/outgoing_check", "WO-2", 2, "outgoing_check", "cell_a", "p", 80, 89]]');
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
INSERT INTO "steps" VALUES(1,'WO-1/1/deburr',1,0,'close',9,'done',11,'');
INSERT INTO "steps" VALUES(2,'WO-1/1/deburr',1,1,'move',10,'done',12,'');
INSERT INTO "steps" VALUES(3,'WO-1/1/assemble',1,0,'open',15,NULL,NULL,'');
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE INDEX operations_by_status ON operations (status, cell);
CREATE INDEX steps_by_operation ON steps (operation_id, attempt, step_index);
CREATE INDEX steps_open ON steps (operation_id) WHERE outcome IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('batches',1);
INSERT INTO "sqlite_sequence" VALUES('schedules',2);
INSERT INTO "sqlite_sequence" VALUES('steps',3);
INSERT INTO "sqlite_sequence" VALUES('events',3);
INSERT INTO "sqlite_sequence" VALUES('commands',2);
COMMIT;
