// The parts that a widget can show, by name. Each is a function (element, store) that returns how to stop.

export const PARTS = {};
