/** What the gateway's API v1 sends; instants in ms since 1970, durations in s, lengths in m. */

export type Role = 'viewer' | 'operator' | 'maintainer' | 'admin';

export interface Session {
  token: string;
  name: string;
  role: Role;
  expires_ms: number;
}

export interface CellLive {
  /** What the arm's driver says: `running`, or what is wrong; empty before it was heard. */
  arm_state: string;
  /** Null where the driver cannot tell. */
  emergency_stop: boolean | null;
  protective_stop: boolean | null;
  state: string;
  mode: string | null;
  operation_id: string;
  order_id: string;
  unit: number;
  program: string;
  step: number;
  steps: number;
  progress: number;
  message: string;
  since_ms: number | null;
  allowed: string[];
  lost: boolean;
  held: boolean;
  override_percent: number | null;
  alarms: number;
  /** Another number whenever one of its devices says something new. */
  devices: number;
}

/** What has become of a press of a jog button. */
export interface JogAnswer {
  press: string;
  phase: 'planning' | 'moving' | 'ended';
  /** What ends the motion by itself, then how it ended. */
  message: string;
}

export interface DeviceCommand {
  name: string;
  does: string;
  arguments: { name: string; type: 'text' | 'int'; choices: string[] }[];
  /** Arguments that the cell's programs give with it. */
  used: string[][];
}

export interface Device {
  name: string;
  kind: string;
  /** Null before it was read. */
  answers: boolean | null;
  readings: Record<string, string>;
  /** What it can be told; null before that is known. */
  commands: DeviceCommand[] | null;
}

/** What has become of a command to a device by hand. */
export interface OperateAnswer {
  request: string;
  phase: 'waiting' | 'running' | 'ended';
  message: string;
  readings: Record<string, string>;
}

export interface Operation {
  id: string;
  order_id: string;
  unit: number;
  position: number;
  name: string;
  cell: string | null;
  program: string | null;
  status: string;
  planned_start_ms: number | null;
  planned_end_ms: number | null;
  actual_start_ms: number | null;
  actual_end_ms: number | null;
  /** How long its cell is set up right before it; 0 where that takes no time. */
  setup_s: number;
  attempt: number;
  message: string;
}

export interface Closed {
  start_ms: number;
  end_ms: number;
  reason: string;
}

export interface CellDescription extends CellLive {
  name: string;
  description: string;
  arm: string | Record<string, unknown>;
  fixtures: { name: string; kind: string; frame: string | null; mounted_on: string | null }[];
  programs: string[];
  next: Operation | null;
  oee: number | null;
  done_units: number;
  closed: Closed[];
}

export interface PlantDescription {
  plant: string;
  description: string;
  time_zone: string;
  simulated: boolean;
  now_ms: number;
  start_ms: number;
  boot: string;
  version: string;
  approve_drafts: boolean;
  confirm_ahead_s: number;
  connected: boolean;
  products: Record<string, { description: string }>;
  cells: string[];
}

export interface Tick {
  boot: string;
  seq: number;
  t: number;
  connected: boolean;
  joints: Record<string, number[]>;
  cells: Record<string, CellLive>;
  bodies?: Record<string, Record<string, number[]>>;
  ops_version: number;
  ops_from: number;
  ops_delta: Operation[] | null;
  ops_gone: string[];
  orders_version: number;
  events_last: number;
  alarms_version: number;
}

export interface OperationsAnswer {
  boot: string;
  version: number;
  full: boolean;
  operations: Operation[];
  gone: string[];
}

export interface Order {
  order_id: string;
  product: string;
  quantity: number;
  done: number;
  failed: number;
  status: string;
  release_ms: number;
  due_ms: number;
  promised_ms: number | null;
  promised_first_ms: number | null;
  finished_ms: number | null;
  late_s: number | null;
  priority: number;
  customer: string;
  operations_done: number;
  operations_total: number;
  planned_start_ms: number | null;
  cancelled_by: string | null;
  cancel_reason: string | null;
}

export interface OrderDetail extends Order {
  units: { unit: number; status: string; operations: Operation[] }[];
}

export interface BatchProblem {
  row: number;
  column: string;
  value: string;
  expected: string;
  message: string;
}

export interface BatchOrder {
  order_id: string;
  product: string;
  quantity: number;
  release_ms: number;
  due_ms: number;
  priority: number;
  customer: string;
  known: boolean;
}

export interface Validation {
  valid: boolean;
  name: string;
  format: string;
  orders: BatchOrder[];
  total: number;
  problems: BatchProblem[];
  total_problems: number;
}

export interface PreviewOrder {
  order_id: string;
  due_ms: number;
  promised_ms: number | null;
  late_s: number;
}

export interface PreviewOther {
  order_id: string;
  before_ms: number | null;
  after_ms: number | null;
  later_s: number;
  late_before_s: number;
  late_after_s: number;
}

export interface Preview {
  orders: PreviewOrder[];
  total: number;
  late: number;
  first_late: PreviewOrder | null;
  others: PreviewOther[];
  others_newly_late: number;
  ends_before_ms: number | null;
  ends_after_ms: number | null;
  engine: string;
  planned_in_s: number;
}

export interface Draft {
  event_id: number;
  at_ms: number;
  because: string;
  moved: number;
  ends_before_ms: number | null;
  ends_after_ms: number | null;
  orders_later_s: number;
}

export interface Place {
  cell: string;
  start_ms: number;
  end_ms: number;
  setup_s: number;
}

export interface Move {
  id: string;
  order_id: string;
  unit: number;
  name: string;
  before: Place | null;
  after: Place | null;
}

export interface OrderChange {
  order_id: string;
  before_ms: number | null;
  after_ms: number | null;
  later_s: number | null;
  late_before_s: number | null;
  late_after_s: number | null;
}

/** Another plan beside the published one. */
export interface Comparison {
  moves: Move[];
  other_cell: number;
  waiting: string[];
  orders: OrderChange[];
  late_before: number;
  late_after: number;
  ends_before_ms: number | null;
  ends_after_ms: number | null;
}

export interface DraftDetail extends Draft {
  comparison: Comparison;
}

export interface WhatIf {
  id: string;
  state: 'waiting' | 'planning' | 'done' | 'failed' | 'cancelled';
  stage: string;
  progress: number;
  better_plans: number;
  elapsed_s: number;
  problem: string;
  result: (Comparison & { engine: string; planned_in_s: number }) | null;
}

export interface Supposition {
  priorities: Record<string, number>;
  dues_ms: Record<string, number>;
  without_orders: string[];
  more_orders: { order_id: string; product: string; quantity: number; due_ms: number; priority: number }[];
  without_cells: string[];
  cells_down_s: Record<string, number>;
}

export interface Schedule {
  revision: number;
  engine: string;
  published_ms: number | null;
  now_ms: number;
  frozen_until_ms: number | null;
  ends_ms: number | null;
  boot: string;
  ops_version: number;
  operations: Operation[];
  closed: Record<string, Closed[]>;
  draft: Draft | null;
}

export interface StepLine {
  index: number;
  label: string;
  id: number | null;
  outcome: string | null;
  intent_ms: number | null;
  outcome_ms: number | null;
  message: string;
  operation_id?: string;
}

export interface CellSteps {
  operation_id: string;
  program: string;
  steps: StepLine[];
  uncertain: StepLine[];
}

export interface Pose {
  xyz_m: [number, number, number];
  quaternion: [number, number, number, number];
}

/** An arm of a cell; `positions` is its key among the joints of a live tick. */
export interface SceneArm {
  name: string;
  positions: string;
  urdf: string;
  joints: string[];
  flange: string;
  home: number[];
  base: Pose;
  tool: { tcp: Pose; size_m: [number, number, number] | null } | null;
}

export interface Scene {
  cell: string;
  arms: SceneArm[];
  frames: Record<string, Pose>;
  obstacles: { name: string; size_m: [number, number, number]; pose: Pose }[];
  fixtures: { name: string; kind: string; frame: string | null; mounted_on: string | null }[];
  parts: Record<string, { size_m: [number, number, number] }>;
}

export interface Alarm {
  id: number | string;
  cell: string | null;
  source: string;
  priority: string;
  state: string;
  text: string;
  cause: string;
  action: string;
  consequences: string[];
  times: number;
  raised_ms: number;
  cleared_ms: number | null;
  acknowledged_ms: number | null;
  acknowledged_by: string | null;
  shelved_until_ms: number | null;
  shelved_by: string | null;
}

export interface PlantEvent {
  id: number;
  at_ms: number;
  who: string;
  kind: string;
  what: string;
  text: string;
}

export interface Trace {
  order: Order;
  unit: number;
  status: string;
  batch: { id: number; source: string; submitted_by: string; accepted_ms: number } | null;
  operations: (Operation & {
    steps: StepLine[];
    joint_error_rad: number[] | null;
    duration_s: number | null;
    planned_duration_s: number | null;
  })[];
  events: PlantEvent[];
}

export interface Kpi {
  cell: string;
  elements: Record<string, number | null>;
  availability: number | null;
  effectiveness: number | null;
  quality_ratio: number | null;
  oee: number | null;
  throughput_per_h: number | null;
  first_pass_yield: number | null;
  energy_per_part_j: number | null;
}

export interface Kpis {
  from_ms: number;
  to_ms: number;
  cells: Kpi[];
  plant: Kpi;
  formulas: Record<string, { formula: string; text: string; unit: string; source: string }>;
  losses: { cell: string; cause: string; s: number; count: number }[];
}

export interface KpiSeries {
  bucket_s: number;
  items: {
    start_ms: number;
    end_ms: number;
    done: number;
    oee: number | null;
    availability: number | null;
    effectiveness: number | null;
    quality_ratio: number | null;
  }[];
}

export interface Page<Item> {
  items: Item[];
  next: string | null;
  total?: number;
}
