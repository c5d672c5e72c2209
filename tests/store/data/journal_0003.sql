BEGIN TRANSACTION;
CREATE TABLE alarms (
	alarm_id INTEGER NOT NULL, 
	source VARCHAR(48) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	subject VARCHAR NOT NULL, 
	priority INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	text VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	first_out BOOLEAN NOT NULL, 
	consequences JSON NOT NULL, 
	times INTEGER NOT NULL, 
	raised_ns BIGINT NOT NULL, 
	raised_wall_us BIGINT NOT NULL, 
	returned_ns BIGINT, 
	acknowledged_ns BIGINT, 
	acknowledged_by VARCHAR, 
	shelved_until_us BIGINT, 
	shelved_by VARCHAR, 
	PRIMARY KEY (alarm_id)
);
INSERT INTO "alarms" VALUES(1,'cell_a','device_fault','gripper',3,'acknowledged','the gripper is silent','look at the device, its power and its cable; what became of the step is asked by `robot-cell steps`',1,'[]',1,5,1795811987789437,NULL,6,'Kim',NULL,NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE batches (
	batch_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	source VARCHAR NOT NULL, 
	submitted_by VARCHAR NOT NULL, 
	accepted_ns BIGINT NOT NULL, 
	accepted_wall_us BIGINT NOT NULL, 
	orders_new INTEGER NOT NULL, 
	orders_known INTEGER NOT NULL
);
INSERT INTO "batches" VALUES(1,'old.csv','Kim',0,1795811986811260,1,0);
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
INSERT INTO "events" VALUES(1,0,4531480679917,1795811986647359,'plant_started','scheduler','plant started',0,'{"start_us":1795410000000000}',X'9F44E973B7B3A7B63089558CF30BC2DDA28834BE9159E74751FA75FD15869A7D');
INSERT INTO "events" VALUES(2,0,4531644615804,1795811986811260,'batch_accepted','Kim','batch accepted',0,'{"batch_id":1,"source":"old.csv","orders_new":1,"orders_known":0}',X'EBB111394CBC6A242163F2AC35DA85278447D1E0D9190A3E1F9FC6B8B72EAEF3');
INSERT INTO "events" VALUES(3,0,4531705603533,1795811986872246,'order_accepted','Kim','order accepted',0,'{"order_id":"WO-1","product":"housing_s","quantity":1,"release_us":1795410000000000,"due_us":1795413600000000,"priority":4,"customer":"","batch_id":1,"position":1,"operations":["deburr","assemble","pack"]}',X'40D7C4C99D672B2403144333746B0EF3D83853CB8221B0EBEEF79B42ECDA2952');
INSERT INTO "events" VALUES(4,1,4532546813993,1795811987713457,'schedule_published','scheduler','schedule published',0,'{"revision":1,"engine":"tabu","rows":[["WO-1/1/deburr","WO-1",1,"deburr","cell_a","p",0,1],["WO-1/1/assemble","WO-1",1,"assemble","cell_a","p",1,2],["WO-1/1/pack","WO-1",1,"pack","cell_a","p",2,3]]}',X'946ED79E8CC16451DCA717B5514FBCADA0E680C9369C3464B2A1568D5D3E92D0');
INSERT INTO "events" VALUES(5,5,4532622794669,1795811987789437,'alarm_raised','cell_a','alarm raised',1,'{"alarm_id":1,"source":"cell_a","kind":"device_fault","subject":"gripper","priority":3,"text":"the gripper is silent","action":"look at the device, its power and its cable; what became of the step is asked by `robot-cell steps`","first_out":true}',X'8742A5E818F02A6BAF5DDEFCE780CB493FC15CE5E36E79601B53251AF9641950');
INSERT INTO "events" VALUES(6,6,4532693109755,1795811987859752,'alarm_acknowledged','Kim','alarm acknowledged',1,'{"alarm_id":1}',X'C074AA4454EDAA1FF7AF04936872D252C258D7B811D93BF34F0C45DF21125C32');
INSERT INTO "events" VALUES(7,7,4532742658703,1795811987909301,'mode_changed','Kim','mode changed',1,'{"cell":"cell_b","mode":"manual"}',X'3EFC354FA46DFE8A622BE977EE8F8B05D06BDD9DF3AC66E4A748999A96E08E0D');
CREATE TABLE facts (
	name VARCHAR(64) NOT NULL, 
	value JSON NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "facts" VALUES('start_us',1795410000000000);
INSERT INTO "facts" VALUES('mode/cell_b','"manual"');
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
INSERT INTO "job_orders" VALUES('WO-1',1,1,'housing_s',1,1795410000000000,1795413600000000,4,'',NULL,NULL,NULL);
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
INSERT INTO "operations" VALUES('WO-1/1/deburr','WO-1',1,0,'deburr','planned','cell_a','p',0,1,0,1,NULL,NULL,'',NULL,NULL);
INSERT INTO "operations" VALUES('WO-1/1/assemble','WO-1',1,1,'assemble','planned','cell_a','p',0,1,1,2,NULL,NULL,'',NULL,NULL);
INSERT INTO "operations" VALUES('WO-1/1/pack','WO-1',1,2,'pack','planned','cell_a','p',0,1,2,3,NULL,NULL,'',NULL,NULL);
CREATE TABLE schedules (
	revision INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	published_ns BIGINT NOT NULL, 
	engine VARCHAR NOT NULL, 
	event_id BIGINT NOT NULL
);
INSERT INTO "schedules" VALUES(1,1,'tabu',4);
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
CREATE INDEX events_told ON events (event_id) WHERE told;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE INDEX alarms_standing ON alarms (source, kind) WHERE state <> 'normal';
CREATE INDEX operations_by_token ON operations (token);
CREATE INDEX operations_by_status ON operations (status, cell);
CREATE INDEX steps_open ON steps (operation_id) WHERE outcome IS NULL;
CREATE INDEX steps_by_operation ON steps (operation_id, attempt, step_index);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('batches',1);
INSERT INTO "sqlite_sequence" VALUES('schedules',1);
COMMIT;
