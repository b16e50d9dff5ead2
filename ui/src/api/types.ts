// The answers of the API, named. schema.d.ts is made from the server's OpenAPI document (npm run types).
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
type Answer<P extends keyof paths> = paths[P] extends { get: { responses: { 200: { content: { "application/json": infer T } } } } } ? T : never;

export type Calls = Schemas["Calls"];
export type Points = Schemas["Points"];
export type Kind = Schemas["Kind"];
export type Status = Schemas["Status"];
export type Attributes = Schemas["Attributes"];
export type Span = Schemas["Span"];
export type Resource = Schemas["Resource"];
export type Scope = Schemas["Scope"];
export type Event = Schemas["Event"];
export type Link = Schemas["Link"];
export type Log = Schemas["Log"];
export type Logs = Schemas["Logs"];
export type Trace = Schemas["Trace"];
export type CriticalPath = Schemas["CriticalPath"];
export type Comparison = Schemas["Comparison"];
export type Found = Schemas["Found"];
export type Hit = Schemas["Hit"];
export type Aggregate = Schemas["Aggregate"];
export type HeatMap = Schemas["HeatMap"];
export type Differences = Schemas["Differences"];
export type Keys = Schemas["Keys"];
export type Values = Schemas["Values"];
export type Services = Schemas["Services"];
export type Operations = Schemas["Operations"];
export type SeriesList = Schemas["SeriesList"];
export type Graph = Schemas["Graph"];
export type Stats = Schemas["Stats"];
export type Waits = Schemas["Waits"];
export type Parsed = Answer<"/parse">;
