// Facets: placeholder.

export function drawFacets(element, store) { return store.on('scene', () => { element.textContent = 'facets'; }); }
