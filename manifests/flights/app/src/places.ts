//! Names that travellers use: of the airports that flights leave from, and of the cities that they go to.

export const AIRPORTS: Record<string, string> = { EWR: "Newark", JFK: "Kennedy", LGA: "LaGuardia" };

const LIST = `ABQ Albuquerque,ACK Nantucket,ALB Albany,ANC Anchorage,ATL Atlanta,AUS Austin,AVL Asheville,BDL Hartford,BGR Bangor,
BHM Birmingham,BNA Nashville,BOS Boston,BQN Aguadilla,BTV Burlington,BUF Buffalo,BUR Burbank,BWI Baltimore,BZN Bozeman,
CAE Columbia,CAK Akron,CHO Charlottesville,CHS Charleston (South Carolina),CLE Cleveland,CLT Charlotte,CMH Columbus,
CRW Charleston (West Virginia),CVG Cincinnati,DAY Dayton,DCA Washington Reagan,DEN Denver,DFW Dallas Fort Worth,DSM Des Moines,
DTW Detroit,EGE Vail,EYW Key West,FLL Fort Lauderdale,GRR Grand Rapids,GSO Greensboro,GSP Greenville,HDN Steamboat Springs,
HNL Honolulu,HOU Houston Hobby,IAD Washington Dulles,IAH Houston Intercontinental,ILM Wilmington,IND Indianapolis,JAC Jackson Hole,
JAX Jacksonville,LAS Las Vegas,LAX Los Angeles,LEX Lexington,LGB Long Beach,MCI Kansas City,MCO Orlando,MDW Chicago Midway,
MEM Memphis,MHT Manchester,MIA Miami,MKE Milwaukee,MSN Madison,MSP Minneapolis,MSY New Orleans,MTJ Montrose,
MVY Martha’s Vineyard,MYR Myrtle Beach,OAK Oakland,OKC Oklahoma City,OMA Omaha,ORD Chicago O’Hare,ORF Norfolk,
PBI West Palm Beach,PDX Portland (Oregon),PHL Philadelphia,PHX Phoenix,PIT Pittsburgh,PSE Ponce,PSP Palm Springs,PVD Providence,
PWM Portland (Maine),RDU Raleigh,RIC Richmond,ROC Rochester,RSW Fort Myers,SAN San Diego,SAT San Antonio,SAV Savannah,
SBN South Bend,SDF Louisville,SEA Seattle,SFO San Francisco,SJC San Jose,SJU San Juan,SLC Salt Lake City,SMF Sacramento,
SNA Orange County,SRQ Sarasota,STL St. Louis,STT Saint Thomas,SYR Syracuse,TPA Tampa,TUL Tulsa,TVC Traverse City,TYS Knoxville,
XNA Fayetteville`;

export const CITIES: Record<string, string> = Object.fromEntries(
  LIST.split(/,\s*/).map((place) => [place.slice(0, 3), place.slice(4)]),
);
