/** Says what a run is doing; the command line shows it to a person, everybody else passes nothing. */
export type Say = (step: string) => void;
