/** The cell in three dimensions: its arms from their URDF, what stands around them, and the parts. */

import {
  AmbientLight,
  Box3,
  BoxGeometry,
  Color,
  DirectionalLight,
  GridHelper,
  Group,
  Mesh,
  MeshStandardMaterial,
  Object3D,
  PerspectiveCamera,
  Scene as World,
  Vector3,
  WebGLRenderer,
} from 'three';
import { OrbitControls } from 'three/examples/jsm/controls/OrbitControls.js';
import { STLLoader } from 'three/examples/jsm/loaders/STLLoader.js';
import URDFLoader, { type URDFRobot } from 'urdf-loader';

import type { Pose, Scene, SceneArm } from '../lib/contract';
import { partOf } from './parts';

export type MeshFetch = (url: string) => Promise<ArrayBuffer>;
export type ViewName = 'reset' | 'front' | 'side' | 'top';

/** How far from what stands in a cell a part still is in it, m: an arm holds it, or it fell. */
const AROUND_M = 0.35;
/** Joint movement below this is not worth a frame, rad; parts: m. */
const STILL = 1e-4;
const VIEWS: Record<ViewName, [number, number, number]> = {
  reset: [1.75, -1.6, 1.35],
  front: [2.6, 0.001, 0.7],
  side: [0.25, -2.4, 0.7],
  top: [0.26, 0.001, 3],
};

export interface Shades {
  ground: string;
  line: string;
  arm: string;
  around: string;
  part: string;
}

/** An arm as it is drawn, and the joint positions that it shows. */
interface DrawnArm {
  arm: SceneArm;
  robot: URDFRobot;
  joints: number[];
}

export class CellScene {
  readonly #world = new World();
  readonly #camera = new PerspectiveCamera(40, 1, 0.05, 30);
  readonly #renderer: WebGLRenderer;
  readonly #controls: OrbitControls;
  readonly #arms: DrawnArm[];
  readonly #scene: Scene;
  readonly #parts = new Map<string, Mesh>();
  readonly #cell = new Box3();
  readonly #materials = {
    arm: new MeshStandardMaterial({ roughness: 0.7 }),
    around: new MeshStandardMaterial({ roughness: 0.95 }),
    part: new MeshStandardMaterial({ roughness: 0.5 }),
  };
  #grid: GridHelper | null = null;
  #bodies = '';
  #due = 0;
  /** How many frames have been drawn. */
  frames = 0;

  /** `urdfs` are of the scene's arms, in their order. */
  constructor(canvas: HTMLCanvasElement, scene: Scene, urdfs: string[], fetchMesh: MeshFetch) {
    Object3D.DEFAULT_UP.set(0, 0, 1);
    this.#scene = scene;
    this.#renderer = new WebGLRenderer({ canvas, antialias: true, powerPreference: 'low-power' });
    this.#camera.up.set(0, 0, 1);
    this.#controls = new OrbitControls(this.#camera, canvas);
    this.#controls.enableDamping = false;
    this.#controls.minDistance = 0.4;
    this.#controls.maxDistance = 8;
    this.#controls.addEventListener('change', () => this.#ask());

    const sun = new DirectionalLight(0xffffff, 2.2);
    sun.position.set(2, -2.5, 4);
    const fill = new DirectionalLight(0xffffff, 0.7);
    fill.position.set(-2, 2, 1.5);
    this.#world.add(sun, fill, new AmbientLight(0xffffff, 0.9));

    const loader = new URDFLoader();
    loader.loadMeshCb = (url, _manager, _material, done) => {
      fetchMesh(url)
        .then((data) => {
          done(new Mesh(new STLLoader().parse(data), this.#materials.arm));
          this.#paintArm();
        })
        .catch((error: unknown) => done(new Group(), error as Error));
    };
    this.#arms = scene.arms.map((arm, i) => {
      const stand = place(new Group(), arm.base);
      const robot = loader.parse(urdfs[i] ?? '');
      stand.add(robot);
      this.#world.add(stand);
      return { arm, robot, joints: [] };
    });
    for (const one of this.#arms) this.#addTool(one);
    this.#paintArm();
    this.#addSurroundings();
    this.#measure();
    this.setJoints(Object.fromEntries(scene.arms.map((arm) => [arm.positions, arm.home])));
    this.look('reset');
  }

  #paintArm(): void {
    for (const { robot } of this.#arms) {
      robot.traverse((object) => {
        if (object instanceof Mesh && !object.userData.tool) object.material = this.#materials.arm;
      });
    }
    this.#ask();
  }

  #addTool({ arm, robot }: DrawnArm): void {
    const { tool, flange } = arm;
    const link = robot.links[flange];
    if (tool === null || link === undefined) return;
    const tcp = new Vector3(...tool.tcp.xyz_m);
    // From the flange to the tool centre point, as wide as the plant file says.
    const [x, y] = tool.size_m ?? [0.05, 0.05];
    const body = new Mesh(new BoxGeometry(x, y, Math.max(0.02, tcp.length())), this.#materials.around);
    body.userData.tool = true;
    body.position.copy(tcp).multiplyScalar(0.5);
    body.quaternion.set(...tool.tcp.quaternion);
    link.add(body);
  }

  #addSurroundings(): void {
    for (const { size_m, pose } of this.#scene.obstacles) {
      this.#world.add(place(new Mesh(new BoxGeometry(...size_m), this.#materials.around), pose));
    }
    for (const { frame, kind } of this.#scene.fixtures) {
      const pose = frame === null ? undefined : this.#scene.frames[frame];
      if (pose === undefined || kind === 'sensor') continue;
      const plate = new Mesh(new BoxGeometry(0.13, 0.13, 0.012), this.#materials.around);
      place(plate, pose);
      plate.position.z -= 0.006;
      this.#world.add(plate);
    }
  }

  /** The room that a cell takes: beyond it lies what the simulation keeps in store. */
  #measure(): void {
    const { frames, obstacles } = this.#scene;
    this.#cell.setFromPoints(this.#scene.arms.map(({ base }) => new Vector3(...base.xyz_m)));
    for (const { xyz_m } of Object.values(frames)) this.#cell.expandByPoint(new Vector3(...xyz_m));
    for (const { size_m, pose } of obstacles) {
      const half = new Vector3(...size_m).multiplyScalar(0.5);
      const at = new Vector3(...pose.xyz_m);
      this.#cell.expandByPoint(at.clone().add(half)).expandByPoint(at.sub(half));
    }
    this.#cell.expandByScalar(AROUND_M);
  }

  shade(shades: Shades): void {
    this.#world.background = new Color(shades.ground);
    this.#materials.arm.color.set(shades.arm);
    this.#materials.around.color.set(shades.around);
    this.#materials.part.color.set(shades.part);
    if (this.#grid) {
      this.#world.remove(this.#grid);
      this.#grid.dispose();
    }
    this.#grid = new GridHelper(3, 15, shades.line, shades.line);
    this.#grid.rotation.x = Math.PI / 2;
    this.#world.add(this.#grid);
    this.#ask();
  }

  /** Joint positions (rad) of the plant's arms; those of others do not count. */
  setJoints(positions: Readonly<Record<string, readonly number[]>>): void {
    for (const drawn of this.#arms) {
      const angles = positions[drawn.arm.positions];
      if (angles === undefined) continue;
      const same =
        angles.length === drawn.joints.length &&
        angles.every((angle, i) => Math.abs(angle - (drawn.joints[i] ?? 0)) < STILL);
      if (same) continue;
      drawn.joints = [...angles];
      drawn.arm.joints.forEach((name, i) => {
        const angle = angles[i];
        if (angle !== undefined) drawn.robot.setJointValue(name, angle);
      });
      this.#ask();
    }
  }

  setBodies(bodies: Record<string, number[]>, product: string): void {
    const text = JSON.stringify(bodies);
    if (text === this.#bodies) return;
    this.#bodies = text;
    for (const [name, [x = 0, y = 0, z = 0, qx = 0, qy = 0, qz = 0, qw = 1]] of Object.entries(
      bodies,
    )) {
      const size = partOf(name, this.#scene.parts, product);
      if (size === null) continue; // the tool centre point, not a part
      let mesh = this.#parts.get(name);
      if (mesh === undefined) {
        mesh = new Mesh(new BoxGeometry(...size), this.#materials.part);
        this.#parts.set(name, mesh);
        this.#world.add(mesh);
      }
      mesh.position.set(x, y, z);
      mesh.quaternion.set(qx, qy, qz, qw);
      mesh.visible = this.#cell.containsPoint(mesh.position);
    }
    for (const [name, mesh] of this.#parts) if (!(name in bodies)) mesh.visible = false;
    this.#ask();
  }

  look(name: ViewName): void {
    // Views are of one arm in the origin; of several, from further off and at what is between them.
    const far = new Vector3();
    for (const { base } of this.#scene.arms) far.add(new Vector3(...base.xyz_m));
    far.divideScalar(Math.max(1, this.#scene.arms.length)).setZ(0);
    const back = this.#scene.arms.length > 1 ? 1.35 : 1;
    const target = new Vector3(this.#scene.arms.length > 1 ? 0 : 0.25, 0, 0.48).add(far);
    this.#controls.target.copy(target);
    const from = new Vector3(...VIEWS[name]).sub(new Vector3(0.25, 0, 0.48)).multiplyScalar(back);
    this.#camera.position.copy(target).add(from);
    this.#controls.update();
    this.#ask();
  }

  /** Turn (rad) and come closer (factor), for keys. */
  turn(around: number, up: number, closer: number): void {
    const arm = this.#camera.position.clone().sub(this.#controls.target);
    arm.applyAxisAngle(new Vector3(0, 0, 1), around);
    const flat = new Vector3(arm.y, -arm.x, 0).normalize();
    const tilted = arm.clone().applyAxisAngle(flat, up);
    if (Math.hypot(tilted.x, tilted.y) > 0.05) arm.copy(tilted);
    this.#camera.position.copy(this.#controls.target).add(arm.multiplyScalar(1 / closer));
    this.#controls.update();
    this.#ask();
  }

  resize(width: number, height: number): void {
    this.#renderer.setPixelRatio(Math.min(2, devicePixelRatio));
    this.#renderer.setSize(width, height, false);
    this.#camera.aspect = width / Math.max(1, height);
    this.#camera.updateProjectionMatrix();
    this.#ask();
  }

  #ask(): void {
    if (this.#due !== 0) return;
    this.#due = requestAnimationFrame(() => {
      this.#due = 0;
      this.frames += 1;
      this.#renderer.render(this.#world, this.#camera);
    });
  }

  dispose(): void {
    cancelAnimationFrame(this.#due);
    this.#controls.dispose();
    this.#world.traverse((object) => {
      if (object instanceof Mesh) object.geometry.dispose();
    });
    for (const material of Object.values(this.#materials)) material.dispose();
    this.#renderer.dispose();
  }
}

function place<Placed extends Object3D>(object: Placed, pose: Pose): Placed {
  object.position.set(...pose.xyz_m);
  object.quaternion.set(...pose.quaternion);
  return object;
}
