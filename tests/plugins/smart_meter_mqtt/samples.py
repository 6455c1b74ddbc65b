"""Payloads that real meters sent, word for word, with their origin."""

# A plug with Tasmota: `tele/.../SENSOR` as in Tasmota's documentation of energy monitoring.
TASMOTA_PLUG = (
    b'{"Time":"2021-07-10T11:54:41","ENERGY":{"TotalStartTime":"2021-07-10T11:50:58","Total":0.003,'
    b'"Yesterday":0.000,"Today":0.003,"Period":0,"Power":22,"ApparentPower":24,"ReactivePower":11,'
    b'"Factor":0.90,"Voltage":246,"Current":0.098}}'
)
# A three-phase SDM630 behind a Tasmota board, exporting: github.com/arendst/Tasmota/issues/17671.
TASMOTA_SDM630 = (
    b'{"Time":"2023-01-10T13:03:11","ENERGY":{"TotalStartTime":"2023-01-10T00:00:00",'
    b'"Total":16647.945,"Yesterday":26.425,"Today":7.978,"TodaySumImport":0.000,'
    b'"TodaySumExport":0.000,"ExportActive":[1508.369,1929.488,1696.624],'
    b'"Period":[0.000,0.000,0.000],"Power":[-136.495,0.000,-78.478],'
    b'"ApparentPower":[153.005,10.484,80.817],"ReactivePower":[-68.949,-9.750,-27.549],'
    b'"Factor":[-0.89,-0.24,-0.93],"Frequency":49.900,"Voltage":[230.750,230.456,230.327],'
    b'"Current":[0.675,0.046,0.366],"ImportActive":[4392.588,2795.954,4301.033]}}'
)
# A plug of two channels with one voltage: github.com/evcc-io/evcc/issues/5731 tells of the shape.
TASMOTA_TWO_CHANNELS = (
    b'{"Time":"2022-12-27T17:00:02","ENERGY":{"TotalStartTime":"2022-12-01T10:00:00",'
    b'"Total":[1.250,0.400],"Power":[12,0],"ApparentPower":[20,0],"ReactivePower":[16,0],'
    b'"Factor":[0.60,0.00],"Voltage":231,"Current":[0.087,0.000]}}'
)
# Shelly Pro 3EM, `events/rpc`: the test data of AIIDA's Shelly data source.
SHELLY_NOTIFICATION = (
    b'{"src":"shellypro3em-8813bfe14804","dst":"shellypro3em-8813bfe14804/events",'
    b'"method":"NotifyStatus","params":{"ts":1757060280.21,"emdata:0":{"id":0,'
    b'"a_total_act_energy":0.06,"a_total_act_ret_energy":0,"b_total_act_energy":0.06,'
    b'"b_total_act_ret_energy":0.01,"c_total_act_energy":26289.44,'
    b'"c_total_act_ret_energy":131881.85,"total_act":26289.57,"total_act_ret":131881.86}}}'
)
# A Shelly that tells of its cloud connection, in the same place.
SHELLY_CLOUD = (
    b'{"src":"shellyplus1-08b61fd90730","dst":"shellyplus1-08b61fd90730/events",'
    b'"method":"NotifyStatus","params":{"ts":1736604020.06,"cloud":{"connected":true}}}'
)
# Shelly Pro 3EM, `status/em:0`, with its null for a current that is not measured.
SHELLY_EM = (
    b'{"id":0,"a_current":26.126,"a_voltage":234.6,"a_act_power":6139.6,"a_aprt_power":6139.6,'
    b'"a_pf":1,"a_freq":50,"b_current":35.352,"b_voltage":233.6,"b_act_power":8211.7,'
    b'"b_aprt_power":8268.5,"b_pf":0.99,"b_freq":50,"c_current":47.924,"c_voltage":233.5,'
    b'"c_act_power":11091.4,"c_aprt_power":11185.7,"c_pf":0.99,"c_freq":50,"n_current":null,'
    b'"total_current":109.402,"total_act_power":25442.703,"total_aprt_power":25593.734,'
    b'"user_calibrated_phase":[]}'
)
# Shelly Plus Plug, `status/switch:0`; keys and units as in Home Assistant's Shelly integration.
SHELLY_SWITCH = (
    b'{"id":0,"output":true,"apower":8.9,"voltage":237.5,"current":0.117,'
    b'"aenergy":{"total":6.532,"by_minute":[45.199,47.141,88.397],"minute_ts":1626935779},'
    b'"temperature":{"tC":23.5,"tF":74.3}}'
)
# Shelly 1PM Mini Gen3, `status/switch:0`: issue 1592 of the Shelly adapter of ioBroker.
SHELLY_1PM = (
    b'{"id":0,"source":"SHC","tag":null, "output":false, "apower":0.0, "voltage":238.3, '
    b'"freq":50.0, "current":0.000, "aenergy":{"total":2690.730,"by_minute":[0.000,0.000,0.000],'
    b'"minute_ts":1788945300}, "ret_aenergy":{"total":0.000,"by_minute":[0.000,0.000,0.000],'
    b'"minute_ts":1788945300},"temperature":{"tC":56.1, "tF":132.9}}'
)
# A Shelly that measures a small PV plant: `aenergy` counts what was returned, too. Keys as above,
# figures as in Home Assistant's test of it (github.com/home-assistant/core/pull/153053).
SHELLY_PV = (
    b'{"src":"shellypmminig3-1","dst":"shellypmminig3-1/events","method":"NotifyStatus","params":'
    b'{"ts":1757591520.01,"pm1:0":{"id":0,"voltage":235.0,"current":0.957,"apower":-220.3,'
    b'"freq":50.0,"aenergy":{"total":3000.000},"ret_aenergy":{"total":1000.000}}}}'
)
# A plug on Zigbee2MQTT; keys as in its converters.
ZIGBEE_PLUG = (
    b'{"ac_frequency":50,"current":0.05,"energy":3.21,"last_seen":"2026-06-21T12:00:00+02:00",'
    b'"linkquality":120,"power":12,"state":"ON","voltage":231}'
)
# A three-phase meter on Zigbee2MQTT; keys as in its converter `electrical_measurement`.
ZIGBEE_THREE_PHASES = (
    b'{"ac_frequency":50,"current":2.1,"current_phase_b":0.4,"current_phase_c":1.5,"energy":812.4,'
    b'"last_seen":"2026-06-21T12:00:00+02:00","power":480,"power_phase_b":-90,"power_phase_c":330,'
    b'"produced_energy":12.75,"voltage":230.4,"voltage_phase_b":231.1,"voltage_phase_c":229.8}'
)
