/** Draws a Gantt on a canvas; nothing is kept between frames. */

import { firstVisible, type GanttModel, type GanttOperation } from './model';
import { endThatFits, tickStep, ticks, type View } from './view';

export interface Palette {
  ground: string;
  lane: string;
  line: string;
  text: string;
  quiet: string;
  planned: string;
  plannedText: string;
  done: string;
  doneText: string;
  running: string;
  runningText: string;
  alarm: string;
  warning: string;
  now: string;
  selected: string;
  ghost: string;
  font: string;
  closed: string;
  setup: string;
  setupGround: string;
}

export interface Frame {
  model: GanttModel;
  view: View;
  width: number;
  height: number;
  laneHeight: number;
  /** Pixels scrolled down. */
  scroll: number;
  now: number;
  /** Until when the plan is fixed: no new plan moves what starts before, ms. */
  frozenUntil: number;
  frozenLabel: string;
  /** What the plant's time zone adds to UTC, ms. */
  offset: number;
  selected: number;
  hovered: number;
  palette: Palette;
  tickLabel: (time: number, step: number) => string;
}

export const AXIS_HEIGHT = 40;
const LEAST_LANE = 76;
const MOST_LANE = 150;
/** Shares of a lane's height: the bar, and below it where it was planned. */
const BAR_TOP = 0.16;
const BAR_SHARE = 0.5;
const PLAN_TOP = 0.72;
const PLAN_SHARE = 0.12;
const LABEL_ROOM = 96;
const HATCH = 9;
/** Of a setup's lead-in: how far its lines are apart, and the share of the bar's height, px. */
const SETUP_HATCH = 6;
const SETUP_SHARE = 0.5;
const LEAST_REASON = 90;
/** Heights in px: the strip from due to end of what is late, the edge of what was moved. */
const LATE_STRIP = 6;
const MOVED_EDGE = 4;
const LEAST_LABELLED = 46;

/** How high each of `count` lanes is drawn in `room` pixels; what does not fit is scrolled. */
export function laneHeight(count: number, room: number): number {
  return Math.min(MOST_LANE, Math.max(LEAST_LANE, Math.floor(room / Math.max(1, count))));
}

type Tone = 'planned' | 'running' | 'done' | 'alarm' | 'warning';

export function toneOf(operation: GanttOperation): Tone {
  switch (operation.status) {
    case 'running':
    case 'leased':
      return operation.actualStart === null ? 'planned' : 'running';
    case 'complete':
    case 'done':
      return 'done';
    case 'failed':
      return 'alarm';
    case 'uncertain':
      return 'warning';
    default:
      return 'planned';
  }
}

/** Whether this operation ends after its order is due. */
export function isLate(operation: GanttOperation, end: number): boolean {
  return operation.due !== null && end > operation.due;
}

export function paint(context: CanvasRenderingContext2D, frame: Frame): void {
  const { width, height, palette } = frame;
  context.fillStyle = palette.ground;
  context.fillRect(0, 0, width, height);
  context.save();
  context.beginPath();
  context.rect(0, AXIS_HEIGHT, width, height - AXIS_HEIGHT);
  context.clip();
  paintLanes(context, frame);
  paintFrozen(context, frame);
  context.restore();
  paintAxis(context, frame);
  paintNow(context, frame);
}

function paintAxis(context: CanvasRenderingContext2D, frame: Frame): void {
  const { view, width, height, palette } = frame;
  const step = tickStep(view.msPerPixel, LABEL_ROOM);
  context.font = `15px ${palette.font}`;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  context.fillStyle = palette.ground;
  context.fillRect(0, 0, width, AXIS_HEIGHT);
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.beginPath();
  const shown = ticks(view, width, step, frame.offset);
  for (const tick of shown) {
    const x = Math.round((tick - view.from) / view.msPerPixel) + 0.5;
    context.moveTo(x, AXIS_HEIGHT - 10);
    context.lineTo(x, height);
  }
  context.moveTo(0, AXIS_HEIGHT - 0.5);
  context.lineTo(width, AXIS_HEIGHT - 0.5);
  context.globalAlpha = 0.55;
  context.stroke();
  context.globalAlpha = 1;
  context.fillStyle = palette.text;
  for (const tick of shown) {
    context.fillText(frame.tickLabel(tick, step), (tick - view.from) / view.msPerPixel + 5, 17);
  }
}

function paintLanes(context: CanvasRenderingContext2D, frame: Frame): void {
  const { model, width, height, scroll, palette, laneHeight: high } = frame;
  const first = Math.max(0, Math.floor(scroll / high));
  for (let lane = first; lane < model.lanes.length; lane++) {
    const top = AXIS_HEIGHT + lane * high - scroll;
    if (top > height) break;
    if (lane % 2 === 1) {
      context.fillStyle = palette.lane;
      context.fillRect(0, top, width, high);
    }
    paintClosed(context, frame, lane, top);
    paintLane(context, frame, lane, top);
    paintFormers(context, frame, lane, top);
  }
}

/** Times in which a cell does not work: hatched, with the reason where there is room for it. */
function paintClosed(
  context: CanvasRenderingContext2D,
  frame: Frame,
  lane: number,
  top: number,
): void {
  const { view, width, palette, laneHeight: high } = frame;
  for (const { start, end, reason } of frame.model.closings[lane] ?? []) {
    const left = Math.max(0, (start - view.from) / view.msPerPixel);
    const right = Math.min(width, (end - view.from) / view.msPerPixel);
    if (right <= left) continue;
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, high);
    context.clip();
    context.fillStyle = palette.lane;
    context.fillRect(left, top, right - left, high);
    context.strokeStyle = palette.closed;
    context.lineWidth = 1.5;
    context.beginPath();
    for (let x = left - high - ((left - high) % HATCH); x < right; x += HATCH) {
      context.moveTo(x, top + high);
      context.lineTo(x + high, top);
    }
    context.stroke();
    if (right - left > LEAST_REASON) {
      context.font = `13px ${palette.font}`;
      context.textBaseline = 'middle';
      const x = left + 8;
      const wide = context.measureText(reason).width;
      context.fillStyle = palette.lane;
      context.fillRect(x - 4, top + 4, wide + 8, 18);
      context.fillStyle = palette.quiet;
      context.fillText(reason, x, top + 13);
    }
    context.restore();
  }
}

/** Below the bars: where the published plan has what the shown plan moves. */
function paintFormers(
  context: CanvasRenderingContext2D,
  frame: Frame,
  lane: number,
  top: number,
): void {
  const { view, width, palette } = frame;
  const below = top + PLAN_TOP * frame.laneHeight;
  const high = PLAN_SHARE * frame.laneHeight;
  for (const former of frame.model.formers[lane] ?? []) {
    const left = (former.start - view.from) / view.msPerPixel;
    const right = (former.end - view.from) / view.msPerPixel;
    if (right < 0 || left > width) continue;
    context.fillStyle = former.dropped ? palette.warning : palette.ghost;
    context.fillRect(left, below, Math.max(2, right - left - 1), high);
  }
}

/** What is fixed: from now to the end of what is confirmed. */
function paintFrozen(context: CanvasRenderingContext2D, frame: Frame): void {
  const { view, palette } = frame;
  const left = (frame.now - view.from) / view.msPerPixel;
  const right = (frame.frozenUntil - view.from) / view.msPerPixel;
  if (right - left < 1 || right < 0 || left > frame.width) return;
  context.fillStyle = palette.now;
  context.globalAlpha = 0.1;
  context.fillRect(left, AXIS_HEIGHT, right - left, frame.height - AXIS_HEIGHT);
  context.globalAlpha = 1;
  context.strokeStyle = palette.now;
  context.lineWidth = 1.5;
  context.setLineDash([6, 5]);
  context.beginPath();
  context.moveTo(right, AXIS_HEIGHT);
  context.lineTo(right, frame.height);
  context.stroke();
  context.setLineDash([]);
  context.font = `600 13px ${palette.font}`;
  if (right - Math.max(0, left) > context.measureText(frame.frozenLabel).width + 12) {
    context.fillStyle = palette.now;
    context.textBaseline = 'middle';
    context.fillText(frame.frozenLabel, Math.max(0, left) + 6, AXIS_HEIGHT + 10);
  }
}

/**
 * One lane. What would be narrower than a pixel is drawn together with its neighbours of the same
 * tone, so that a frame costs what there is to see and not what there is.
 */
function paintLane(
  context: CanvasRenderingContext2D,
  frame: Frame,
  lane: number,
  top: number,
): void {
  const { model, view, width, palette } = frame;
  const scale = 1 / view.msPerPixel;
  const until = view.from + width * view.msPerPixel;
  // What begins right of the picture may be set up for in it.
  const latest = until + (model.longestSetup[lane] ?? 0);
  const stop = model.firstOf[lane + 1] ?? 0;
  const barTop = top + BAR_TOP * frame.laneHeight;
  const barHeight = BAR_SHARE * frame.laneHeight;
  let runStart = 0;
  let runEnd = -1;
  let runTone: Tone | null = null;
  const flush = (): void => {
    if (runTone === null) return;
    context.fillStyle = palette[runTone];
    context.fillRect(runStart, barTop, Math.max(1, runEnd - runStart), barHeight);
    runTone = null;
  };
  for (let i = firstVisible(model, lane, view.from); i < stop; i++) {
    const startTime = model.start[i] ?? 0;
    if (startTime > latest) break;
    const operation = model.operations[i];
    if (operation === undefined) continue;
    if (operation.setup > 0) paintSetup(context, frame, operation, startTime, barTop, barHeight);
    if (startTime > until) continue;
    const endTime = model.end[i] ?? 0;
    const left = Math.max(-2, (startTime - view.from) * scale);
    const right = Math.min(width + 2, (endTime - view.from) * scale);
    const tone = toneOf(operation);
    if (right - left < 3) {
      if (runTone === tone && left - runEnd < 1) {
        runEnd = Math.max(runEnd, right);
        continue;
      }
      flush();
      runTone = tone;
      runStart = left;
      runEnd = right;
      continue;
    }
    flush();
    paintBar(context, frame, i, operation, left, right, top);
  }
  flush();
}

/** The time in which the cell is set up, right before a bar: a hatched lead-in in its middle. */
function paintSetup(
  context: CanvasRenderingContext2D,
  frame: Frame,
  operation: GanttOperation,
  startTime: number,
  barTop: number,
  barHeight: number,
): void {
  const { view, width, palette } = frame;
  const left = Math.max(-2, (startTime - operation.setup - view.from) / view.msPerPixel);
  const right = Math.min(width + 2, (startTime - view.from) / view.msPerPixel);
  if (right - left < 1) return;
  const high = SETUP_SHARE * barHeight;
  const top = barTop + (barHeight - high) / 2;
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, high);
  context.clip();
  context.fillStyle = palette.setupGround;
  context.fillRect(left, top, right - left, high);
  context.strokeStyle = palette.setup;
  context.lineWidth = 1.5;
  context.beginPath();
  // Leaning the other way than what is closed.
  for (let x = left - high - ((left - high) % SETUP_HATCH); x < right; x += SETUP_HATCH) {
    context.moveTo(x, top);
    context.lineTo(x + high, top + high);
  }
  context.stroke();
  context.lineWidth = 3;
  context.strokeRect(left, top, right - left, high);
  context.restore();
}

function paintBar(
  context: CanvasRenderingContext2D,
  frame: Frame,
  index: number,
  operation: GanttOperation,
  left: number,
  right: number,
  top: number,
): void {
  const { model, view, palette } = frame;
  const tone = toneOf(operation);
  const bar = top + BAR_TOP * frame.laneHeight;
  const high = BAR_SHARE * frame.laneHeight;
  const wide = Math.max(2, right - left - 1);
  context.fillStyle = palette[tone];
  context.fillRect(left, bar, wide, high);
  // Where it was planned, for what has begun: a thin bar below shows early and late at a glance.
  if (operation.actualStart !== null && operation.plannedStart !== null) {
    const from = (operation.plannedStart - view.from) / view.msPerPixel;
    const to = ((operation.plannedEnd ?? operation.plannedStart) - view.from) / view.msPerPixel;
    context.fillStyle = palette.ghost;
    const below = top + PLAN_TOP * frame.laneHeight;
    context.fillRect(from, below, Math.max(2, to - from - 1), PLAN_SHARE * frame.laneHeight);
  }
  if (operation.moved === true) {
    context.fillStyle = palette.now;
    context.fillRect(left, bar, wide, MOVED_EDGE);
  }
  if (isLate(operation, model.end[index] ?? 0)) {
    // A strip from the due date to the end, and a full edge where the order ends.
    const due = ((operation.due ?? 0) - view.from) / view.msPerPixel;
    const from = Math.min(Math.max(left, due), right - 6);
    context.fillStyle = palette.alarm;
    context.fillRect(from, bar + high - LATE_STRIP, Math.max(5, right - from - 1), LATE_STRIP);
    context.fillRect(Math.max(left, right - 6), bar, Math.min(5, wide), high);
  }
  if (wide >= LEAST_LABELLED) {
    context.save();
    context.beginPath();
    context.rect(left, bar, wide - 7, high);
    context.clip();
    context.fillStyle =
      tone === 'done'
        ? palette.doneText
        : tone === 'planned'
          ? palette.plannedText
          : palette.runningText;
    const x = Math.max(left, 0) + 6;
    context.textBaseline = 'middle';
    context.font = `600 14px ${palette.font}`;
    const widthOf = (text: string): number => context.measureText(text).width;
    const unit = `${operation.orderId}.${operation.unit}`;
    const room = left + wide - 9 - x;
    context.fillText(endThatFits(unit, room, widthOf), x, bar + high / 2 - 9);
    context.font = `13px ${palette.font}`;
    context.fillText(operation.name, x, bar + high / 2 + 9);
    context.restore();
  }
  if (index === frame.selected || index === frame.hovered) {
    context.strokeStyle = palette.selected;
    context.lineWidth = index === frame.selected ? 3 : 2;
    context.strokeRect(left + 1, bar - 1, Math.max(2, wide - 2), high + 2);
  }
}

function paintNow(context: CanvasRenderingContext2D, frame: Frame): void {
  const x = Math.round((frame.now - frame.view.from) / frame.view.msPerPixel) + 0.5;
  if (x < 0 || x > frame.width) return;
  context.strokeStyle = frame.palette.now;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(x, AXIS_HEIGHT - 12);
  context.lineTo(x, frame.height);
  context.stroke();
  context.fillStyle = frame.palette.now;
  context.beginPath();
  context.moveTo(x - 7, AXIS_HEIGHT - 14);
  context.lineTo(x + 7, AXIS_HEIGHT - 14);
  context.lineTo(x, AXIS_HEIGHT - 4);
  context.fill();
}
