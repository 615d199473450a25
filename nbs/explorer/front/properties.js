// Properties: placeholder.

export function drawProperties(element, store) { return store.on('scene', () => { element.textContent = 'properties'; }); }
