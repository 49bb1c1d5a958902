"""One async function for each thing that is asked of this service: load, decide, save, in one transaction."""
