// In the place of what is left out of Vega.
export {};
