// Where the nodes of the map stand, how large they are and how their names are set. It refuses to know how they are
// drawn; the order within a layer is the server's.
import type { MapNode } from "./model";

/** Room for a node with its name, and between layers. */
export const COLUMN = 164;
export const ROW = 70;
/** The box of a node, known beforehand, so that nothing is measured before it is drawn. */
export const NODE_WIDTH = COLUMN - 4;
export const NODE_HEIGHT = ROW;
const LAYER_GAP = 36;
/** Wider than this, the eye loses the edge on its way. */
const COLUMN_MAX = 230;
/** Layers up to this many nodes stand as the server placed them. */
const LAYER_MAX = 12;
/** What the server puts between two nodes of a layer. */
const SERVED_ROW = 80;
/** Width against height of what people look at. */
const ASPECT = 1.6;

/** How wide and high it becomes when no column has more than `rows`. */
function extent(layers: MapNode[][], rows: number): number {
  const columns = layers.reduce((sum, layer) => sum + Math.ceil(layer.length / rows), 0);
  const height = Math.min(rows, Math.max(...layers.map((layer) => layer.length)));
  return (columns * COLUMN + layers.length * LAYER_GAP) / (height * ROW);
}

/** Few layers stand further apart, so that the canvas is filled in both directions. */
function apart(layers: MapNode[][], top: number): number {
  const wanted = (top * ASPECT - COLUMN) / Math.max(1, layers.length - 1);
  return Math.round(Math.min(COLUMN_MAX, Math.max(COLUMN, wanted)));
}

/**
 * Places for the canvas: the server's layers from left to right and its order within them, with high layers
 * folded into several columns, so that hundreds of nodes fill the canvas and not one line of it.
 */
export function places(nodes: MapNode[]): Map<string, { x: number; y: number }> {
  const byLayer = new Map<number, MapNode[]>();
  for (const node of nodes) byLayer.set(node.x, [...(byLayer.get(node.x) ?? []), node]);
  const layers = [...byLayer].sort(([a], [b]) => a - b).map(([, layer]) => layer.sort((a, b) => a.y - b.y || a.id.localeCompare(b.id)));
  const found = new Map<string, { x: number; y: number }>();
  if (layers.every((layer) => layer.length <= LAYER_MAX)) {
    const scale = ROW / SERVED_ROW;
    const [low, high] = nodes.reduce(([least, most], { y }) => [Math.min(least, y), Math.max(most, y)], [Infinity, -Infinity]);
    const column = apart(layers, (high - low) * scale + ROW);
    for (const [at, layer] of layers.entries()) for (const node of layer) found.set(node.id, { x: at * column, y: node.y * scale });
    return found;
  }
  let rows = LAYER_MAX;
  while (rows < 200 && extent(layers, rows) > ASPECT) rows += 1;
  let left = 0;
  for (const layer of layers) {
    const columns = Math.ceil(layer.length / rows);
    const height = Math.ceil(layer.length / columns);
    for (const [at, node] of layer.entries()) {
      const column = Math.floor(at / height);
      // Neighbouring columns stand half a row apart, so that edges can be followed between names.
      const shift = column % 2 === 0 ? 0 : ROW / 2;
      found.set(node.id, { x: left + column * COLUMN, y: ((at % height) - (height - 1) / 2) * ROW + shift });
    }
    left += columns * COLUMN + LAYER_GAP;
  }
  return found;
}

/** The name in two lines where it is of two parts: the service above, its operation below. */
export function lettering({ kind, name }: Pick<MapNode, "kind" | "name">): { above: string | null; name: string; long: boolean } {
  const slash = kind === "operation" ? name.indexOf("/") : -1;
  const [above, own] = slash > 0 ? [name.slice(0, slash), name.slice(slash + 1)] : [null, name];
  // Of names with a package, its end tells them apart.
  const short = above && own.length > 19 ? own.replace(/^(?:[a-z][\w-]*\.){2,}(?=\w+[/#.])/, "") : own;
  return { above, name: short, long: short.length > 19 };
}

const SIZE_MIN = 16;
const SIZE_MAX = 34;

/** The diameter of a node, by the logarithm of its traffic against the busiest. */
export function size(rate: number, busiest: number): number {
  if (rate <= 0 || busiest <= 0) return SIZE_MIN;
  const share = Math.log1p(rate * 60) / Math.log1p(busiest * 60);
  return Math.round(SIZE_MIN + (SIZE_MAX - SIZE_MIN) * Math.min(1, share));
}
