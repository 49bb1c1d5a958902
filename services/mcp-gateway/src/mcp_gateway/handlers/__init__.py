"""One async function for each tool: ask the services, put the answer together."""
