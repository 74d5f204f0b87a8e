//! Where documents come from: `?server=` of the address, `VITE_WASMILL_URL` when the page was built, or where the page is from.

import { Wasmill } from "wasmill-client";

import type { Flight, Route } from "./flight";

const given = new URLSearchParams(location.search).get("server");

export const SERVER: string = given ?? import.meta.env.VITE_WASMILL_URL ?? "";

const wasmill = new Wasmill({ url: SERVER || location.origin });

export const flights = wasmill.collection<Flight>("flights");
export const routes = wasmill.collection<Route>("routes");
