// Short names of what the server answers, out of its own description.
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Service = Schemas["ServiceAnswer"];
export type GraphNode = Schemas["NodeAnswer"];
export type GraphEdge = Schemas["EdgeAnswer"];
export type Graph = Schemas["GraphAnswer"];
export type Change = Schemas["Page_ChangeItem"]["items"][number];
export type Account = Schemas["Account"];
export type Impact = Schemas["ImpactAnswer"];
export type GraphDifference = Schemas["DifferenceAnswer"];
export type EdgeDifference = Schemas["EdgeDifference"];
export type NodeDifference = Schemas["NodeDifference"];
